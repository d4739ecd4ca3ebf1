# shellcheck shell=sh
# A member who comes in by ssh or mosh lands in a tmux session that a cut link does not end, and comes back into it.
# Left alone: whoever is no member, runs a command, is in tmux already, or works on the machine itself.
# To come in without it: ssh -t HOST bash
if [ -n "${SSH_CONNECTION-}" ] && [ -z "${TMUX-}" ] && [ -t 0 ] && [ -t 1 ]; then
  case " $(id -Gn) " in
    *' hero '*) tmux new-session -A -s main && exit ;;
  esac
fi
