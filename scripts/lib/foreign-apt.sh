# Sourced: apt for another architecture than this machine's, with lists of their own beside the cache. The host's are left alone.

# use_architecture ARCHITECTURE (arm64, amd64): sets `foreign`, the options of apt-get and apt-cache; lists are a day old at most.
use_architecture() {
  local directory
  directory=${SOCKFLOW_CACHE:-$HOME/.cache/sockflow}/apt-$1-$(. /etc/os-release && echo "${VERSION_ID-unknown}")
  mkdir -p "$directory/lists/partial" "$directory/archives/partial"
  touch "$directory/status"
  foreign=(--quiet -o APT::Architecture="$1" -o APT::Architectures="$1" -o Dir::State="$directory" -o Dir::State::Lists="$directory/lists"
    -o Dir::State::Status="$directory/status" -o Dir::Cache="$directory" -o APT::Sandbox::User=root)
  exec 7>"$directory/lock"
  flock 7
  if [[ -z $(find "$directory/updated" -mtime -1 2>/dev/null) ]]; then
    if apt-get "${foreign[@]}" update >"$directory/log" 2>&1; then touch "$directory/updated"; fi
  fi
  exec 7>&-
}
