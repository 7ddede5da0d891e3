/* echo ADDRESS NAME: a service that answers Ping with nothing. What a call costs on the bus alone. */
#include "measure.h"
#include <systemd/sd-bus.h>

static int ping(sd_bus_message *call, void *context, sd_bus_error *error)
{
    (void)context, (void)error;
    return sd_bus_reply_method_return(call, "");
}

static const sd_bus_vtable methods[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("Ping", "", "", ping, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

int main(int argc, char **argv)
{
    sd_bus *bus = NULL;

    if (argc != 3 || sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, argv[1]) < 0 ||
        sd_bus_set_bus_client(bus, 1) < 0 || sd_bus_set_trusted(bus, 1) < 0 ||
        sd_bus_start(bus) < 0 ||
        sd_bus_add_object_vtable(bus, NULL, "/bench", "org.qemu.Bench", methods, NULL) < 0 ||
        sd_bus_request_name(bus, argv[2], 0) < 0)
        die("echo");
    puts("ready");
    fflush(stdout);
    for (;;) {
        int done = sd_bus_process(bus, NULL);

        if (done == 0)
            done = sd_bus_wait(bus, UINT64_MAX);
        if (done < 0)
            return 1;
    }
}
