# bash completion for holdfast and patronictl. Put it (or a link to it) into /usr/share/bash-completion/completions/
# under the names holdfast and patronictl, or source it from ~/.bashrc.

_holdfast() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local commands="list topology switchover failover history show-config version agent router"
  local global="--config-file --dcs-url --insecure --help"

  case $previous in
    -c | --config-file | agent | router) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    -f | --format) mapfile -t COMPREPLY < <(compgen -W "pretty tsv json yaml" -- "$current"); return ;;
    --scheduled) mapfile -t COMPREPLY < <(compgen -W "now" -- "$current"); return ;;
    -d | --dcs-url | -w | --watch) return ;;
  esac

  local word command="" takes_value=""
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ -n $takes_value ]]; then
      takes_value=""
    elif [[ $word == -c || $word == --config-file || $word == -d || $word == --dcs-url ]]; then
      takes_value=1
    elif [[ " $commands " == *" $word "* ]]; then
      command=$word
      break
    fi
  done

  local options=""
  case $command in
    "") options="$commands $global" ;;
    list) options="--extended --timestamp --format --watch $global" ;;
    topology) options="--timestamp --watch $global" ;;
    switchover) options="--leader --candidate --scheduled --force $global" ;;
    failover) options="--candidate --force $global" ;;
    history) options="--format $global" ;;
    show-config | version) options="$global" ;;
    agent | router) options="--help" ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
}

complete -F _holdfast holdfast patronictl
