# Completion of qapi-dbus for fish: the program itself knows what may come next.

function __qapi_dbus
    set -l words (commandline -opc) (commandline -ct)
    set -l offers ($words[1] complete fish -- $words 2>/dev/null)
    if test (count $offers) -gt 0
        printf '%s\n' $offers
    else
        __fish_complete_path (commandline -ct)
    end
end

complete -c qapi-dbus -f -a '(__qapi_dbus)'
