#!/usr/bin/env bash
# Makes a fresh Debian 12 or Ubuntu 24.04 machine a Hero Team Box, and points it at hero_team. As root, on that machine.
set -euo pipefail

usage() {
  cat <<'USAGE'
bootstrap.sh --team-url URL [OPTION...]      makes this machine a box; run it again whenever you like: what is done stays
bootstrap.sh --uninstall                     takes the programs and units away; accounts, homes and data stay

  --team-url URL        hero_team: https://FORGE/ORG/hero_team.git, or file:///PATH of a repository on this machine.
                        Needed the first time
  --team-branch BRANCH  the branch that counts (development)
  --token-file FILE     the forge's token for an https URL; --token-fd N: read from that descriptor. Without either it is
                        asked for, and not shown. It is never an argument
  --programs WHERE      what to install: a tarball of hack/package, one unpacked, or a build directory. Default: what lies
                        beside this script
  --sha256 HASH         the tarball has to have it; needed unless TARBALL.sha256 lies beside it
  --wait SECONDS        how long the team may take to be Ready (300)
  --dry-run             says what would be done, and changes nothing
  --verbose             shows what the commands say, which else is in /var/log/hero-bootstrap.log

Exit codes: 0 done; 1 a step failed, and says where and what to do: do it and run the same line again; 2 a wrong argument.
USAGE
}

# ---- What is asked for

team_url='' team_branch=development token_file='' token_fd='' programs='' sha256='' wait_seconds=300
is_dry_run=false is_uninstall=false is_verbose=false
wrong() { printf 'bootstrap: %s\nTry: %s --help\n' "$1" "$0" >&2; exit 2; }

parse_arguments() {
  while [ $# -gt 0 ]; do
    case $1 in
      --team-url | --team-branch | --token-file | --token-fd | --programs | --sha256 | --wait)
        [ -n "${2-}" ] || wrong "$1 needs a value" ;;
    esac
    case $1 in
      --team-url) team_url=$2; shift ;;
      --team-branch) team_branch=$2; shift ;;
      --token-file) token_file=$2; shift ;;
      --token-fd) token_fd=$2; shift ;;
      --programs) programs=$2; shift ;;
      --sha256) sha256=$2; shift ;;
      --wait) wait_seconds=$2; shift ;;
      --dry-run) is_dry_run=true ;;
      --uninstall) is_uninstall=true ;;
      --verbose) is_verbose=true ;;
      --help | -h) usage; exit 0 ;;
      --token | --token=*) wrong 'a token as an argument is seen by everybody on the machine: use --token-file or --token-fd' ;;
      *) wrong "$1 is no option" ;;
    esac
    shift
  done
  check_arguments
}

check_arguments() {
  local in_url='A-Za-z0-9._~/%+-' # Nothing that would have to be quoted in TOML.
  case $team_url in
    '' | file:///* | https://*) ;;
    *) wrong "--team-url $team_url: has to begin with https:// or file:///" ;;
  esac
  [[ $team_url != *@* ]] || wrong '--team-url: a name or token in it would be shown everywhere: use --token-file'
  [[ $team_url =~ ^(https://[A-Za-z0-9.-]+(:[0-9]+)?/[$in_url]+|file:///[$in_url]+|)$ ]] || wrong "--team-url $team_url: is no URL of a repository"
  [[ $team_branch =~ ^[A-Za-z0-9][A-Za-z0-9._/-]*$ ]] || wrong "--team-branch $team_branch: is no name of a branch"
  [[ $wait_seconds =~ ^[1-9][0-9]{0,4}$ ]] || wrong "--wait $wait_seconds: has to be a number of seconds"
  [[ -z $token_fd || $token_fd =~ ^[0-9]{1,3}$ ]] || wrong "--token-fd $token_fd: has to be the number of a descriptor"
  [ -z "$token_fd" ] || [ -z "$token_file" ] || wrong '--token-file and --token-fd: one of them'
  [[ -z $sha256 || $sha256 =~ ^[0-9a-f]{64}$ ]] || wrong "--sha256 $sha256: has to be 64 hexadecimal digits"
  [ -z "$programs" ] || [ -e "$programs" ] || wrong "--programs $programs: there is no such file or directory"
}

# ---- Steps

log=/var/log/hero-bootstrap.log step='' changes=0 restart_herod=false
# shellcheck source=/dev/null
distribution=$(. /etc/os-release && echo "${ID-} ${VERSION_ID-}") || distribution=''
see_log="read the end of $log"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# die WHAT REMEDY: in which step, what is wrong, and what to do about it.
die() {
  printf 'bootstrap: %s: %s\n  To mend it: %s\n  Then run the same line again; what is done stays done.\n' "$step" "$1" "$2" >&2
  exit 1
}

# change WHAT REMEDY COMMAND...: does it, and says so; in a dry run only says so. Ends us with the remedy when it fails.
change() {
  local what=$1 remedy=$2
  shift 2
  changes=$((changes + 1))
  if $is_dry_run; then
    echo "  would $what"
    return
  fi
  echo "  $what" | tee -a "$log"
  quietly "$@" || die "could not $what: $(tail -n 1 "$log")" "$remedy"
}

# quietly COMMAND...: what it says goes to the log.
quietly() {
  if $is_verbose; then "$@" 2>&1 | tee -a "$log"; return "${PIPESTATUS[0]}"; fi
  "$@" >>"$log" 2>&1
}

# put FILE MODE OWNER WHY TEXT: the file has this text, mode and owner, whole or not at all. is_put says whether it had to be
# written. (Never in a pipeline: its end would not be ours.)
is_put=false
put() {
  local file=$1 mode=$2 owner=$3 why=$4 new=$work/put
  printf '%s\n' "$5" >"$new"
  is_put=false
  if cmp -s "$new" "$file" && [ "$(stat -c '%a %U:%G' "$file")" = "$mode $owner" ]; then return; fi
  change "write $file${why:+: $why}" "$see_log" put_in_place "$new" "$file" "$mode" "$owner"
  is_put=true
}
# install makes the new one 0600 and widens it last: killed at any point, nobody reads what is not for him.
put_in_place() {
  install -d -m 755 "${2%/*}" && install -m "$3" -o "${4%:*}" -g "${4#*:}" "$1" "$2.new" && mv "$2.new" "$2"
}

run_steps() {
  local name since number=0
  for name in "$@"; do
    number=$((number + 1)) step=$name changes=0 since=${EPOCHREALTIME/./}
    echo "[$number/$#] $name"
    "step_$name"
    since=$(((${EPOCHREALTIME/./} - since) / 100000))
    if [ "$changes" -eq 0 ]; then echo "  nothing to do"; fi
    printf '  %d.%d s\n' $((since / 10)) $((since % 10))
  done
}

# ---- 1. The machine: all that is wrong with it, before anything is changed.

step_machine() {
  local problems=()
  check_system
  check_room
  check_ports
  check_names
  [ "${#problems[@]}" -eq 0 ] || {
    printf 'bootstrap: machine: this machine cannot be a box:\n' >&2
    printf '  - %s\n' "${problems[@]}" >&2
    exit 1
  }
}

check_system() {
  [ "$(uname -m)" = x86_64 ] || problems+=("its processor is $(uname -m): programs are built for x86_64 alone")
  case $distribution in
    'debian 12' | 'ubuntu 24.04') ;;
    *) problems+=("its system is '$distribution': a box is a Debian 12 or Ubuntu 24.04") ;;
  esac
  [ -d /run/systemd/system ] || problems+=('it was not booted by systemd (a container?): units could not be started')
}

# A member's home, mirrors and packages; herod with a hundred members has 60 MB, so this is room for sshd and builds.
check_room() {
  local memory disk
  memory=$(awk '$1 == "MemTotal:" { print int($2 / 1024) }' /proc/meminfo)
  [ "$memory" -ge 900 ] || problems+=("it has $memory MiB of memory: 1 GiB is the least")
  for place in / /home; do
    disk=$(df -Pm "$place" | awk 'NR == 2 { print $4 }')
    [ "$disk" -ge 1024 ] || problems+=("$disk MiB are free at $place: 1 GiB is the least; make room or mount a larger disk there")
  done
}

check_ports() {
  local other
  command -v ss >/dev/null || return 0 # iproute2 comes with the packages.
  other=$(ss -Hltnp 'sport = :22' | grep -v -e '"sshd"' -e '"systemd"' | grep -o '"[^"]*"' | head -n 1) || true
  [ -z "$other" ] || problems+=("port 22 is taken by $other: members come in by sshd there; stop it, or move it to another port")
}

check_names() {
  local entry
  entry=$(getent passwd driver) || return 0
  [ "$(cut -d: -f6 <<<"$entry")" = /home/driver ] && [ "$(cut -d: -f3 <<<"$entry")" -lt 1000 ] && return 0
  problems+=("there is an account 'driver' already that is no system account with the home /home/driver: rename it, herod needs that name")
}

# ---- 2. Programs: from where they are to /usr, each file whole.

step_programs() {
  local source
  find_programs
  install_packages
  install_files "$source"
  local missing
  missing=$(ldd "$source"/usr/lib/hero/* 2>/dev/null | awk '/not found/ { print $1 }' | sort -u | tr '\n' ' ')
  if [ -n "$missing" ] && ! $is_dry_run; then
    die "the programs need libraries that this system does not have: $missing" "take programs that were built on this distribution"
  fi
}

# find_programs: sets source, the tree to be put below /, and says which packages it needs in $work/packages.
find_programs() {
  local from=${programs:-$(dirname "$0")} top
  if [ -f "$from" ]; then
    check_hash "$from"
    mkdir "$work/unpacked"
    tar -xzf "$from" -C "$work/unpacked" --no-same-owner 2>>"$log" || die "$from is no tarball of hack/package" 'fetch it again'
    from=$(echo "$work"/unpacked/hero-*)
  elif [ -f "$from/CMakeCache.txt" ]; then
    quietly "$(dirname "$0")/package" "$from" "$work" || die "$from: the programs are not built" 'run make programs in the source tree'
    tar -xzf "$work"/hero-*.tar.gz -C "$work"
    from=$(echo "$work"/hero-*/)
  fi
  source=$from/root top=$source/usr/lib/hero
  [ -x "$top/herod" ] || die "there are no programs in ${programs:-$(dirname "$0")}" 'name a tarball of hack/package with --programs'
  [ "$(cat "$from/distribution")" = "$distribution" ] ||
    die "the programs were built for $(cat "$from/distribution")" 'take those that were built on this distribution'
  cp "$from/packages" "$work/packages"
}

check_hash() {
  local have
  if [ -z "$sha256" ] && [ -f "$1.sha256" ]; then read -r sha256 _ <"$1.sha256"; fi
  [ -n "$sha256" ] || die "nothing says which bytes $1 has to have" 'give --sha256 HASH, from where the tarball was published'
  have=$(sha256sum "$1" | cut -d' ' -f1)
  [ "$have" = "$sha256" ] || die "$1 has the SHA-256 $have and not $sha256" 'fetch it again; if it stays so, do not trust it'
}

install_packages() {
  local missing
  # shellcheck disable=SC2016 # The names are dpkg's.
  mapfile -t missing < <(
    { xargs dpkg-query -W -f='${db:Status-Status} ${Package}\n' <"$work/packages" 2>/dev/null || true; } |
      sed -n 's/^installed //p' | sort -u | comm -13 - "$work/packages")
  [ "${#missing[@]}" -gt 0 ] || return 0
  export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
  # Somebody else's apt may be at work after a boot: it is waited for.
  change "install ${#missing[@]} packages: ${missing[*]}" "$see_log; on Ubuntu mosh is in universe: add-apt-repository universe" \
    apt_install "${missing[@]}"
}
apt_install() {
  dpkg --configure -a && # A run before this one may have been killed in the middle.
    apt-get -q -o DPkg::Lock::Timeout=300 update &&
    apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
}

# install_files TREE: what is new or differs; then takes away what an earlier version had and this one has not.
install_files() {
  local tree=$1 manifest=/usr/lib/hero/manifest file
  (cd "$tree" && find . -type f | sed 's/^\.//' | sort) >"$work/manifest"
  while read -r file; do
    if cmp -s "$tree$file" "$file" && [ "$(stat -c %a "$file")" = "$(stat -c %a "$tree$file")" ]; then continue; fi
    change "install $file" "$see_log" put_in_place "$tree$file" "$file" "$(stat -c %a "$tree$file")" root:root
    restart_herod=true
  done <"$work/manifest"
  if [ -f "$manifest" ]; then
    while read -r file; do
      [ ! -e "$file" ] || change "remove $file: this version has none" "$see_log" rm -f "$file"
    done < <(comm -23 "$manifest" "$work/manifest")
  fi
  put "$manifest" 644 root:root '' "$(<"$work/manifest")"
}

# ---- 3. The account that herod runs as, the groups, the directories.

step_accounts() {
  if ! getent passwd driver >/dev/null || ! getent group hero >/dev/null || ! getent group hero-admin >/dev/null; then
    change 'make the account driver and the groups hero, hero-admin' "$see_log" systemd-sysusers hero.conf
  fi
  if [ ! -d /run/hero ] || [ ! -d /home/driver/hero/var ]; then
    change 'make /run/hero and /home/driver' "$see_log" systemd-tmpfiles --create hero.conf
  fi
  mask_driver
}

# mask_driver: whoever takes herod over writes units into its home; without a user manager nothing starts them, neither by
# lingering nor by a login (docs/adr/0016).
mask_driver() {
  local uid unit
  uid=$(id -u driver 2>/dev/null) || return 0 # A dry run on a machine that has no driver yet.
  unit=user@$uid.service
  [ "$(readlink "/etc/systemd/system/$unit")" = /dev/null ] ||
    change "mask $unit: driver has no user units" "$see_log" systemctl mask --now "$unit"
}

# ---- 4. herod.toml and the token.

config=/etc/hero/herod.toml token=/etc/hero/forge.token

step_configuration() {
  local there=''
  # It holds a token, and a run that was killed was the last to know of it.
  [ ! -e "$token.new" ] || change "remove $token.new, which a run that was killed left" "$see_log" rm -f "$token.new"
  if [ -f "$config" ]; then there=$(sed -n '/^\[team\]/,/^\[/s/^ *url *= *"\(.*\)".*/\1/p' "$config"); fi
  if [ -z "$there" ]; then
    if [ -z "$team_url" ] && [ -t 0 ]; then read -rp '  URL of hero_team: ' team_url && check_arguments; fi
    [ -n "$team_url" ] || die 'nothing says where hero_team is' 'give --team-url URL'
    put "$config" 640 root:driver '' "$(configuration_text)"
    restart_herod=true
  elif [ -z "$team_url" ] || [ "$team_url" = "$there" ]; then
    team_url=$there # The file is the operator's from its first writing on.
  else
    die "$config points at $there and not at $team_url" "to follow another hero_team, change url there; its history is another one, so herod will wait for heroctl approve"
  fi
  case $team_url in https://*) write_token ;; esac
}

configuration_text() {
  printf '# What this box follows. bootstrap.sh wrote it once, and leaves your changes alone.\n'
  printf '[team]\nurl = "%s"\nbranch = "%s"\n' "$team_url" "$team_branch"
  if [[ $team_url =~ ^https://[^/]+ ]]; then
    printf '\n[forge]\nkind = "forgejo"\nurl = "%s"\ntoken_file = "%s"\n' "${BASH_REMATCH[0]}" "$token"
  fi
}

write_token() {
  local text=''
  if [ -n "$token_file" ]; then
    [ -r "$token_file" ] || die "$token_file cannot be read" 'name the file with the token'
    text=$(<"$token_file")
  elif [ -n "$token_fd" ]; then
    text=$(cat <&"$token_fd") || die "nothing can be read from descriptor $token_fd" "for example: --token-fd 3 3<FILE"
  elif [ -s "$token" ]; then
    return 0
  elif $is_dry_run; then
    echo '  would ask for the token'
    return 0
  elif [ -t 0 ]; then
    read -rsp '  Token of the forge (not shown): ' text && echo
  fi
  [[ $text =~ ^[[:graph:]]{1,4096}$ ]] || die 'there is no token, or it is not one line of letters and digits' 'give --token-file FILE'
  put "$token" 600 driver:driver 'what is in it is not shown' "$text"
  ! $is_put || restart_herod=true
}

# ---- 5. sshd: keys of herod alone, expiry that holds, no passwords of members.

sshd_drop_in=/etc/ssh/sshd_config.d/10-hero.conf

sshd_text() {
  cat <<'SSHD'
# Written by bootstrap.sh of the Hero Team Box. First of the files here, for the first value of a keyword counts.
# Without PAM an account that has expired could still log in by key.
UsePAM yes
# herod's own account has no key of anybody, and a login would be a session outside of its sandbox.
DenyUsers driver
# Members alone, whose keys are herod's: everybody else, operators too, comes in as this machine has it.
Match Group hero,!hero-admin
  # This file and no other; authorized_keys2 would be a second one that nobody looks at.
  AuthorizedKeysFile .ssh/authorized_keys
  PubkeyAuthentication yes
  PasswordAuthentication no
  KbdInteractiveAuthentication no
  HostbasedAuthentication no
Match all
SSHD
}

step_sshd() {
  local before=$work/sshd_before
  grep -qisE '^[[:space:]]*Include[[:space:]]+/etc/ssh/sshd_config\.d/\*\.conf' /etc/ssh/sshd_config || $is_dry_run ||
    die '/etc/ssh/sshd_config does not read /etc/ssh/sshd_config.d' 'put this line first in it: Include /etc/ssh/sshd_config.d/*.conf'
  cp "$sshd_drop_in" "$before" 2>/dev/null || rm -f "$before"
  put "$sshd_drop_in" 644 root:root '' "$(sshd_text)"
  if $is_dry_run; then return; fi
  install -d -m 755 /run/sshd # sshd -t wants it, and a socket-activated sshd makes it late.
  if ! sshd_is_right; then
    # What was there is put back: nobody is locked out by us.
    if [ -f "$before" ]; then cp "$before" "$sshd_drop_in"; else rm -f "$sshd_drop_in"; fi
    die "sshd would not do what members need: $(tail -n 3 "$work/sshd" | paste -sd ' ')" 'mend what it names below /etc/ssh'
  fi
  if $is_put; then change 'reload sshd' 'see: journalctl -u ssh' systemctl try-reload-or-restart ssh.service; fi
}

# sshd_is_right: it accepts its files, and means for a member what we do; an earlier file or Match may have the say.
sshd_is_right() {
  sshd -t >"$work/sshd" 2>&1 || return 1
  sshd_means_for_a_member >"$work/sshd_means" 2>>"$work/sshd" || return 1
  local line
  for line in 'usepam yes' 'authorizedkeysfile .ssh/authorized_keys' 'pubkeyauthentication yes' 'passwordauthentication no'; do
    grep -qx "$line" "$work/sshd_means" ||
      { echo "instead of '$line' it takes '$(grep "^${line%% *} " "$work/sshd_means")'" >>"$work/sshd"; return 1; }
  done
}

# There may be no member yet: where only this sshd looks, nobody is one. nscd would answer with the machine's groups.
sshd_means_for_a_member() {
  sed '/^hero:/s/:[^:]*$/:nobody/' /etc/group >"$work/group"
  # shellcheck disable=SC2016 # The inner shell's.
  unshare --mount sh -ec '
    mount --bind "$1" /etc/group
    [ ! -d /run/nscd ] || mount -t tmpfs tmpfs /run/nscd
    exec sshd -T -C user=nobody,host=localhost,addr=127.0.0.1' - "$work/group"
}

# ---- 6. mosh: its ports, and a UTF-8 locale, without which it does not start.

mosh_ports=60000:61000

step_mosh() {
  if ! grep -qs '^LANG=.*UTF-8' /etc/default/locale; then
    put /etc/default/locale 644 root:root 'mosh needs UTF-8' LANG=C.UTF-8
  fi
  if command -v ufw >/dev/null && ufw status | grep -q '^Status: active' && ! ufw status | grep -q "^$mosh_ports/udp"; then
    change "open udp $mosh_ports in ufw" 'see: ufw status' ufw allow "$mosh_ports/udp"
  fi
}

# ---- 7. Units.

units=(herod-priv.socket herod.service)

step_units() {
  if $restart_herod; then
    change 'let systemd read its units again' "$see_log" systemctl daemon-reload
    # What does not run yet is no error here.
    change 'stop what runs of an earlier version' "$see_log" systemctl stop herod.service herod-priv.service herod-priv.socket
  fi
  if systemctl is-enabled -q "${units[@]}" 2>/dev/null && systemctl is-active -q "${units[@]}"; then return; fi
  change "enable and start ${units[*]}" 'see: journalctl -u herod -u herod-priv' systemctl enable --now "${units[@]}"
}

# ---- 8. The team is Ready, and every member of hero_team is on the box.

step_ready() {
  if $is_dry_run; then return; fi
  local until=$((SECONDS + wait_seconds))
  await_ready "$until" team/team "jsonpath={.status.conditions[?(@.type=='Ready')].message}"
  await_ready "$until" users "jsonpath={range .items[*]}{.metadata.name}{': '}{.status.conditions[?(@.type=='Ready')].message}{'; '}{end}"
  heroctl get users | sed 's/^/  /'
}

# await_ready UNTIL WHAT TEMPLATE: until it is Ready; meanwhile what the template makes of it, each time it changes.
await_ready() {
  local until=$1 what=$2 template=$3 said='' now all=()
  [ "$what" != users ] || all=(--all)
  until heroctl wait "$what" "${all[@]}" --for=condition=Ready --timeout 2s >"$work/wait" 2>&1; do
    now=$(heroctl get "$what" -o "$template" 2>/dev/null) || now='herod does not answer yet'
    [ "$now" = "$said" ] || echo "  $what: ${now:=herod begins}"
    said=$now
    [ "$SECONDS" -lt "$until" ] || die "not Ready within $wait_seconds s: $what: $now" "see: heroctl describe ${what%%/*}; journalctl -u herod -u herod-priv"
  done
}

# ---- And the way back.

uninstall() {
  local file unit
  step=uninstall
  for unit in herod.service "${units[@]}" herod-priv.service; do
    if systemctl is-enabled -q "$unit" 2>/dev/null || systemctl is-active -q "$unit"; then
      change "stop $unit" "$see_log" systemctl disable --now "$unit"
    fi
  done
  if [ -f "$sshd_drop_in" ]; then
    change "remove $sshd_drop_in" "$see_log" rm "$sshd_drop_in"
    change 'reload sshd' 'see: journalctl -u ssh' systemctl try-reload-or-restart ssh.service
  fi
  if [ -f /usr/lib/hero/manifest ]; then
    while read -r file; do
      [ ! -e "$file" ] || change "remove $file" "$see_log" rm -f "$file"
    done </usr/lib/hero/manifest
    change 'remove /usr/lib/hero' "$see_log" rm -r /usr/lib/hero
    change 'let systemd forget the units' "$see_log" systemctl daemon-reload
  fi
  cat <<'LEFT'
Left as they are: every account and home, driver without user units, the groups, packages, /etc/hero with the token,
/home/driver/hero with herod's state and the archives. Members who can log in today can do so tomorrow. To follow hero_team
again: bootstrap.sh as before.
LEFT
}

main() {
  parse_arguments "$@"
  step=machine
  [ "$(id -u)" -eq 0 ] || die 'this is not root' 'run it with sudo'
  if $is_dry_run; then log=$work/log; fi
  printf '\n==== %(%F %T)T bootstrap.sh\n' >>"$log"
  local mask
  mask=$(umask)
  umask 077 # Whoever may open it may hold the lock.
  exec {lock}>/run/hero-bootstrap.lock
  umask "$mask"
  flock -n "$lock" || die 'another bootstrap.sh is at work' 'wait for it'
  if $is_uninstall; then
    uninstall
    return
  fi
  run_steps machine programs accounts configuration sshd mosh units ready
  if $is_dry_run; then echo 'Nothing was changed.'; else echo "This machine is a Hero Team Box and follows $team_url. Next: heroctl get users"; fi
}
main "$@"
