module bindings

go 1.19

require qapidbus v0.0.0

require github.com/godbus/dbus/v5 v5.1.0

replace qapidbus => ../../../bridge/go

// Where Debian has it.
replace github.com/godbus/dbus/v5 => /usr/share/gocode/src/github.com/godbus/dbus
