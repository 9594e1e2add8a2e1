# Completion of holdfast and patronictl for zsh; made by `holdfast completion zsh`. Source it from ~/.zshrc.
autoload -U +X bashcompinit && bashcompinit
mapfile() { COMPREPLY=("${(@f)$(cat)}") }

# Completion of holdfast and patronictl for bash; made by `holdfast completion bash`. Put it (or a link to it) into
# /usr/share/bash-completion/completions/ under the names holdfast and patronictl, or source it from ~/.bashrc.

_holdfast() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local commands="list topology switchover failover restart reload reinit pause resume show-config edit-config history flush remove dsn query version demote-cluster promote-cluster agent router completion"
  local global="--config-file --dcs-url --insecure --help"

  case $previous in
    --format) mapfile -t COMPREPLY < <(compgen -W "pretty tsv json yaml yml" -- "$current"); return ;;
    --scheduled) mapfile -t COMPREPLY < <(compgen -W "now" -- "$current"); return ;;
    --role | -r) mapfile -t COMPREPLY < <(compgen -W "leader primary standby-leader replica standby any" -- "$current"); return ;;
    -f) mapfile -t COMPREPLY < <(compgen -W "pretty tsv json yaml" -f -- "$current"); return ;;
    completion) mapfile -t COMPREPLY < <(compgen -W "bash zsh fish" -- "$current"); return ;;
    -c | --config-file | agent | router | --apply | --replace | --file) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    -d | --dcs-url | --dcs | -w | --watch | --leader | --primary | --candidate | --pg-version | --timeout | --set | -s | --pg | -p | --member | -m | --command | -U | --username | --dbname | --delimiter | --host | --port | --restore-command | --primary-slot-name) return ;;
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
    list) options="--extended --timestamp --format -W --watch $global" ;;
    topology) options="-W --watch $global" ;;
    switchover) options="--leader --candidate --scheduled --force $global" ;;
    failover) options="--candidate --force $global" ;;
    restart) options="--role --any --scheduled --pg-version --pending --timeout --force $global" ;;
    reload) options="--role --force $global" ;;
    reinit) options="--force --from-leader --wait $global" ;;
    pause) options="--wait $global" ;;
    resume) options="--wait $global" ;;
    show-config) options="$global" ;;
    edit-config) options="--quiet --set --pg --apply --replace --force $global" ;;
    history) options="--format $global" ;;
    flush) options="--role --force restart switchover $global" ;;
    remove) options="--format $global" ;;
    dsn) options="--role --member $global" ;;
    query) options="--format --file --password --username -W --watch --role --member --delimiter --command --dbname $global" ;;
    version) options="$global" ;;
    demote-cluster) options="--force --host --port --restore-command --primary-slot-name $global" ;;
    promote-cluster) options="--force $global" ;;
    agent | router) options="--help" ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
}

complete -F _holdfast holdfast patronictl
