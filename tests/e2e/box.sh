# shellcheck shell=bash
# Boxes: machines of their own that boot systemd in a moment (systemd-nspawn on an overlay). Sourced by scenarios, which
# run inside the namespaces of tests/e2e/run; what a box leaves behind ends with those.
#
# A box NAME has $E2E_RUN/boxes/NAME with:
#   upper, overlay   what it wrote         root     its / as it is seen from outside
#   nspawn           pid of systemd-nspawn  console  what the box printed
# /run, /tmp and /dev of a box are its own: reach them with box_exec.

box_boot_seconds=60 # Half a second when nobody else computes, two when four do.

# cgroup_of NAME: the box's own directory in each hierarchy, below ours. Boxes that were started from one cgroup would
# share the one that systemd-nspawn makes below it.
cgroup_of() {
  local controllers path top
  while IFS=: read -r _ controllers path; do
    case $controllers in
      '') top=/sys/fs/cgroup/unified && [ -d "$top" ] || top=/sys/fs/cgroup ;;
      name=*) top=/sys/fs/cgroup/${controllers#name=} ;;
      *) top=/sys/fs/cgroup/$controllers ;;
    esac
    [ ! -d "$top" ] || echo "$top${path%/}/hero-e2e-$1"
  done </proc/self/cgroup
}

# cgroup_sweep: takes away the cgroups of boxes that ended, this run's and those of runs that were killed. One with a
# process in it cannot be removed, so those of a run beside us stay.
cgroup_sweep() {
  local top directory
  while read -r top; do
    for directory in "${top%/*}"/hero-e2e-*; do
      [ ! -d "$directory" ] || find "$directory" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done
  done < <(cgroup_of any)
}

# box_create NAME IP LAYER...: a box that is not started yet. Layers, lowest last, are images of $E2E_LAYERS.
box_create() {
  local name=$1 ip=$2 box=$E2E_RUN/boxes/$1 lower='' layer
  shift 2
  for layer in "$@"; do lower+=${lower:+:}$E2E_LAYERS/$layer; done
  mkdir -p "$box"/{upper,overlay,root}
  mount -t overlay overlay -o "lowerdir=$lower,upperdir=$box/upper,workdir=$box/overlay" "$box/root"
  ip netns add "$name"
  ip link add "v-$name" type veth peer name eth0 netns "$name"
  ip link set "v-$name" master br0 up
  ip -n "$name" link set lo up
  ip -n "$name" addr add "$ip/16" dev eth0
  ip -n "$name" link set eth0 up
  ip -n "$name" route add default via 10.77.0.1
  echo "$name" >"$box/root/etc/hostname"
  # A name server that does not answer would make every sudo wait for it.
  rm -f "$box/root/etc/resolv.conf" && : >"$box/root/etc/resolv.conf"
  { printf '127.0.0.1 localhost\n::1 localhost\n%s %s\n' "$ip" "$name"; cat "$E2E_RUN/apt_hosts"; } >"$box/root/etc/hosts"
}

# box_leader NAME: the box's PID 1 as we see it; fails while there is none.
box_leader() {
  local nspawn leader
  nspawn=$(cat "$E2E_RUN/boxes/$1/nspawn" 2>/dev/null) &&
    leader=$(cat "/proc/$nspawn/task/$nspawn/children" 2>/dev/null) && [ -n "$leader" ] && echo "${leader%% *}"
}

# box_start NAME: boots it, and waits until multi-user.target is reached.
box_start() {
  local box=$E2E_RUN/boxes/$1
  rm -f "$box/nspawn"
  box_run_nspawn "$1" </dev/null >>"$box/console" 2>&1 &
  box_wait_booted "$1"
}

# What is kept running beside a box. systemd-nspawn ends with 133 when its box asks for a reboot.
box_run_nspawn() {
  local name=$1 box=$E2E_RUN/boxes/$1 group rc=133
  while read -r group; do
    mkdir -p "$group"
    if [ -f "$group/cpuset.cpus" ] && [ -f "${group%/*}/cpuset.cpus" ]; then # Of v1: empty until somebody fills it.
      cat "${group%/*}/cpuset.cpus" >"$group/cpuset.cpus"
      cat "${group%/*}/cpuset.mems" >"$group/cpuset.mems"
    fi
    echo "$BASHPID" >"$group/cgroup.procs"
  done < <(cgroup_of "$E2E_ID-$name")
  while [ "$rc" = 133 ]; do
    # box-init and not --boot: see tests/e2e/image. So the signal that systemd takes for a halt has to be named.
    setsid systemd-nspawn -q -D "$box/root" -M "$name" --register=no --keep-unit --console=pipe \
      --kill-signal=SIGRTMIN+3 --network-namespace-path="/run/netns/$name" --resolv-conf=off --timezone=off \
      --link-journal=no /sbin/box-init &
    echo $! >"$box/nspawn"
    rc=0
    wait $! || rc=$?
  done
}

box_is_booted() { [ "$(box_exec "$1" systemctl is-active multi-user.target 2>/dev/null)" = active ]; }

box_wait_booted() {
  eventually "$box_boot_seconds" box_is_booted "$1" || { tail -n 20 "$E2E_RUN/boxes/$1/console" >&2; return 1; }
}

# box_exec NAME COMMAND...: as root in the box, in no session and no unit of it. Ends after two minutes.
box_exec() {
  local leader
  leader=$(box_leader "$1") || return 1
  shift
  timeout 120 nsenter -t "$leader" -a env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/root LANG=C.UTF-8 TERM=xterm "$@"
}

# box_reboot NAME: as systemctl reboot does, until it is up again.
box_reboot() {
  local before
  before=$(cat "$E2E_RUN/boxes/$1/nspawn")
  box_exec "$1" systemctl reboot || true
  eventually "$box_boot_seconds" box_has_other_nspawn "$1" "$before"
  box_wait_booted "$1"
}
box_has_other_nspawn() { [ "$(cat "$E2E_RUN/boxes/$1/nspawn")" != "$2" ]; }

# box_kill NAME: every process of it ends at once, as in a crash. Its PID 1 is killed: without systemd-nspawn alone the
# box would live on. What it wrote stays; box_start boots it again.
box_kill() {
  local leader nspawn
  nspawn=$(cat "$E2E_RUN/boxes/$1/nspawn")
  leader=$(box_leader "$1") && kill -KILL "$leader"
  eventually 20 box_is_gone "$nspawn"
}
box_is_gone() { ! kill -0 "$1" 2>/dev/null; }

# box_link NAME up|down: its network cable.
box_link() { ip link set "v-$1" "$2"; }

# box_keep_logs NAME DIR: what one wants to read after a failure.
box_keep_logs() {
  local name=$1 to=$2
  cp "$E2E_RUN/boxes/$name/console" "$to/$name.console" 2>/dev/null || true
  box_exec "$name" journalctl --no-pager -o short-precise >"$to/$name.journal" 2>&1 || true
  box_exec "$name" systemctl --no-pager --failed >"$to/$name.failed_units" 2>&1 || true
}
