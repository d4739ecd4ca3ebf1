# shellcheck shell=bash
# The people of a walk: members with keys, who come in by ssh and mosh, and the operator, who has root and hero_team.
# Sourced by tests/e2e/run for each scenario. $BOX and $IP are the scenario's box.

# box_up LAYER...: the scenario's box, called as the scenario is.
box_up() {
  BOX=$E2E_SCENARIO IP=$E2E_NET.10
  mkdir -p "$E2E_HERE/boxes"
  : >"$E2E_HERE/boxes/$BOX"
  box_create "$BOX" "$IP" "$@"
}
in_box() { box_exec "$BOX" "$@"; }

# key_of NAME [WHICH]: the public key of a member, made when first asked for.
key_of() {
  local file=$E2E_HERE/key_$1${2:+_$2}
  [ -f "$file" ] || ssh-keygen -q -t ed25519 -N '' -C "$1@laptop" -f "$file"
  cat "$file.pub"
}

# ssh_options NAME [WHICH]: for ssh with that key and nothing of the machine's.
ssh_options() {
  printf '%s ' -F none -i "$E2E_HERE/key_$1${2:+_$2}" -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes \
    -o "UserKnownHostsFile=$E2E_RUN/known_hosts" -o ConnectTimeout=10
  echo # For read, which fails on a line without an end.
}

# as NAME COMMAND...: over ssh, with her first key. as_with NAME WHICH COMMAND...: with another one.
as() { local name=$1; shift; as_with "$name" '' "$@"; }
as_with() {
  local name=$1 options
  read -ra options < <(ssh_options "$name" "$2")
  shift 2
  timeout 60 ssh "${options[@]}" "$name@$IP" "$@"
}

# kept_out NAME [WHICH]: sshd answers, and does not let her in with that key. That ssh fails is not enough: it also does
# when the network or this script is broken.
kept_out() {
  local said rc=0
  said=$(as_with "$1" "${2-}" true 2>&1) || rc=$?
  [ "$rc" -eq 255 ] || { echo "$1 was let in, or her command failed: $rc $said" >&2; return 1; }
  [[ $said =~ 'Permission denied (publickey'|'account has expired'|'Connection closed by '[0-9.]+' port 22' ]] ||
    { echo "$said" >&2; return 1; }
}

# mosh_as NAME COMMAND...: what the command prints on a terminal of 80 by 24. mosh needs one, and a UTF-8 locale.
mosh_as() {
  local name=$1
  shift
  LC_ALL=C.UTF-8 TERM=xterm timeout 60 script -qec \
    "stty rows 24 cols 80; mosh --ssh='ssh $(ssh_options "$name")' $name@$IP -- $*" /dev/null </dev/null
}

# ---- The operator: hero_team is a repository in the box, and commits come from outside.

export TEAM_URL=file:///srv/hero_team.git
team_git() { git -C "$E2E_HERE/team" -c user.name=Op -c user.email=op@localhost -c commit.gpgsign=false "$@"; }

# team_make: hero_team as the examples have it, without members; then team_member for each.
team_make() {
  export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
  local bare=$E2E_RUN/boxes/$BOX/root/srv/hero_team.git
  git init -q --bare -b development "$bare"
  git init -q -b development "$E2E_HERE/team"
  cp -R "$E2E_TOP/examples/hero_team/." "$E2E_HERE/team/"
  rm "$E2E_HERE"/team/users/*.toml
  team_git remote add origin "$bare"
}

# team_member NAME [LINE...]: writes the member's file: her first key, developers, and those lines beside or instead.
team_member() {
  local name=$1 file=$E2E_HERE/team/users/$1.toml line
  shift
  printf '%s\n' "name = \"$name\"" "display_name = \"${name^} Example\"" "ssh_pubkeys = [\"$(key_of "$name")\"]" 'groups = ["developers"]' \
    "branch_suffix = \"$name\"" 'manifest_template = "developer"' >"$file"
  for line in "$@"; do
    sed -i "/^${line%% =*} =/d" "$file"
    printf '%s\n' "$line" >>"$file"
  done
}

# team_push MESSAGE: commits all and pushes; sets nothing off but what herod does by itself.
team_push() {
  team_git add -A
  team_git commit -qm "$1"
  team_git push -q origin development
}

# in_box_have FILE...: copies them to /root of the box.
in_box_have() { cp -R "$@" "$E2E_RUN/boxes/$BOX/root/root/"; }

# bootstrap ARGUMENT...: as the operator types it in the box, with the tarball of this run.
bootstrap() {
  in_box_have "$E2E_PACKAGE" "$E2E_PACKAGE.sha256" "$E2E_TOP/hack/bootstrap.sh"
  in_box bash /root/bootstrap.sh --programs "/root/${E2E_PACKAGE##*/}" "$@"
}
bootstrap_changes_nothing() { is 8 in_box sh -c "bash /root/bootstrap.sh --programs /root/${E2E_PACKAGE##*/} | grep -c 'nothing to do'"; }

# no_difference [SECONDS]: the machine becomes what hero_team says, by an auditor's tools.
no_difference() {
  rm -rf "$E2E_RUN/boxes/$BOX/root/root/team"
  in_box_have "$E2E_HERE/team" "$E2E_TOP/tests/e2e/compare"
  eventually "${1:-30}" in_box /root/compare /root/team
}
nothing_to_do() { eventually 20 contains 'Nothing to do' in_box heroctl plan; }
uid() { in_box id -u "$1"; }
