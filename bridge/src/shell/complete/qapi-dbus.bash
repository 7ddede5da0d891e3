# Completion of qapi-dbus for bash: the program itself knows what may come next.

_qapi_dbus() {
    mapfile -t COMPREPLY < <(
        "${COMP_WORDS[0]}" complete bash -- "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null
    )
    [[ ${#COMPREPLY[@]} != 1 || $COMPREPLY != *[=.:/] ]] || compopt -o nospace
}

complete -o default -F _qapi_dbus qapi-dbus
