#include "cmd/heroctl/completion.h"

#include <algorithm>

#include "api/meta/words.h"

namespace heroctl {
namespace {

using Words = std::vector<CommandWords>;

/// In single quotes, for every shell.
std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string Joined(const std::vector<std::string>& words, std::string_view separator = " ") {
  std::string all;
  for (const std::string& word : words) all.append(all.empty() ? "" : separator).append(word);
  return all;
}

std::string Names(const Words& commands, bool only_with_objects, std::string_view separator) {
  std::vector<std::string> names;
  for (const CommandWords& command : commands)
    if (command.takes_objects || !only_with_objects) names.push_back(command.name);
  return Joined(names, separator);
}

/// Every option of any command that a value follows: that word is no KIND and no NAME.
std::string Valued(const Words& commands, std::string_view separator) {
  std::vector<std::string> all;
  for (const CommandWords& command : commands) all.insert(all.end(), command.valued.begin(), command.valued.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return Joined(all, separator);
}

std::string Replaced(std::string text, std::string_view mark, std::string_view by) {
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + by.size()))
    text.replace(at, mark.size(), by);
  return text;
}

constexpr std::string_view kBash =
    R"script(# bash completion for heroctl. Load it with: source <(heroctl completion bash)
_heroctl() {
  local word=${COMP_WORDS[COMP_CWORD]} command= kind= options= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case ${COMP_WORDS[i]} in
      @VALUED@) ((++i)) ;;
      -*) ;;
      *) if [[ -z $command ]]; then command=${COMP_WORDS[i]}; elif [[ -z $kind ]]; then kind=${COMP_WORDS[i]}; fi ;;
    esac
  done
  if ((i > COMP_CWORD)); then return; fi  # The value of an option: files, by the shell itself.
  if [[ $word == -* ]]; then
    case $command in
@OPTIONS@    esac
    COMPREPLY=($(compgen -W "$options" -- "$word"))
    return
  fi
  case $command in
    '') COMPREPLY=($(compgen -W '@COMMANDS@' -- "$word")) ;;
    completion) COMPREPLY=($(compgen -W 'bash fish zsh' -- "$word")) ;;
    @WITHOBJECTS@)
      if [[ -z $kind ]]; then
        COMPREPLY=($(compgen -W "$(heroctl kinds -o name 2>/dev/null)" -- "$word"))
      else
        COMPREPLY=($(compgen -W "$(heroctl get "$kind" -o name 2>/dev/null | sed 's,.*/,,')" -- "$word"))
      fi ;;
  esac
}
complete -o default -F _heroctl heroctl
)script";

constexpr std::string_view kZsh = R"script(#compdef heroctl
# zsh completion for heroctl. Load it with: source <(heroctl completion zsh)
_heroctl() {
  local command= kind= i
  local -a commands options names
  commands=(
@DESCRIBED@  )
  for ((i = 2; i < CURRENT; ++i)); do
    case ${words[i]} in
      @VALUED@) ((++i)) ;;
      -*) ;;
      *) if [[ -z $command ]]; then command=${words[i]}; elif [[ -z $kind ]]; then kind=${words[i]}; fi ;;
    esac
  done
  if ((i > CURRENT)); then _files; return; fi
  if [[ ${words[CURRENT]} == -* ]]; then
    case $command in
@OPTIONS@    esac
    compadd -- ${=options}
    return
  fi
  case $command in
    '') _describe command commands ;;
    completion) compadd bash fish zsh ;;
    @WITHOBJECTS@)
      if [[ -z $kind ]]; then
        names=(${(f)"$(heroctl kinds -o name 2>/dev/null)"})
      else
        names=(${(f)"$(heroctl get "$kind" -o name 2>/dev/null | sed 's,.*/,,')"})
      fi
      compadd -a names ;;
  esac
}
compdef _heroctl heroctl
)script";

constexpr std::string_view kFish =
    R"script(# fish completion for heroctl. Load it with: heroctl completion fish | source
function __heroctl_words
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
        else if contains -- $word @VALUED@
            set skip 1
        else if not string match -q -- '-*' $word
            echo $word
        end
    end
end
function __heroctl_complete
    set -l words (__heroctl_words)
    if test (count $words) = 1
        heroctl kinds -o name 2>/dev/null
    else
        heroctl get $words[2] -o name 2>/dev/null | string replace -r '.*/' ''
    end
end
function __heroctl_is
    set -l words (__heroctl_words)
    test (count $words) -gt 0; and contains -- $words[1] $argv
end
complete -c heroctl -f -n '__heroctl_is @WITHOBJECTS@' -a '(__heroctl_complete)'
complete -c heroctl -f -n '__heroctl_is completion' -a 'bash fish zsh'
)script";

/// `    get) options='-o --output' ;;`
std::string OptionCases(const Words& commands) {
  std::string cases;
  for (const CommandWords& command : commands)
    cases += "      " + command.name + ") options=" + Quoted(Joined(command.options)) + " ;;\n";
  return cases;
}

std::string Described(const Words& commands) {
  std::string lines;
  for (const CommandWords& command : commands)
    lines += "    " + Quoted(command.name + ":" + Replaced(command.help, ":", "\\:")) + "\n";
  return lines;
}

std::string FishCommands(const Words& commands) {
  std::string lines;
  for (const CommandWords& command : commands) {
    lines += "complete -c heroctl -f -n 'test -z \"$(__heroctl_words)\"' -a " + command.name + " -d " +
             Quoted(command.help) + "\n";
    for (const std::string& option : command.options) {
      const bool is_long = option.starts_with("--");
      const bool is_valued = api::HasWord(command.valued, option);
      lines += "complete -c heroctl -n '__heroctl_is " + command.name + "' " + (is_long ? "-l " : "-s ") +
               option.substr(is_long ? 2 : 1) + (is_valued ? " -r" : "") + "\n";
    }
  }
  return lines;
}

}  // namespace

api::Expected<std::string> CompletionScript(std::string_view shell, const std::vector<CommandWords>& commands) {
  if (shell == "fish") {
    std::string script = Replaced(std::string(kFish), "@VALUED@", Valued(commands, " "));
    return Replaced(std::move(script), "@WITHOBJECTS@", Names(commands, true, " ")) + FishCommands(commands);
  }
  if (shell != "bash" && shell != "zsh")
    return api::Error{api::Code::kInvalid, "Usage",
                      "completion is for bash, fish or zsh, not \"" + std::string(shell) + "\""};
  std::string script(shell == "bash" ? kBash : kZsh);
  script = Replaced(std::move(script), "@VALUED@", Valued(commands, "|"));
  script = Replaced(std::move(script), "@OPTIONS@", OptionCases(commands));
  script = Replaced(std::move(script), "@COMMANDS@", Names(commands, false, " "));
  script = Replaced(std::move(script), "@DESCRIBED@", Described(commands));
  return Replaced(std::move(script), "@WITHOBJECTS@", Names(commands, true, "|"));
}

}  // namespace heroctl
