// The classes that sdbus-c++-xml2cpp makes.

#include "org_qemu_QgaQapi.h"
#include "org_qemu_QmpEndpoint.h"
#include "org_qemu_QmpQapi.h"
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <sdbus-c++/sdbus-c++.h>

using Values = std::map<std::string, sdbus::Variant>;

template <class Interface>
struct Proxy : sdbus::ProxyInterfaces<Interface> {
    Proxy(sdbus::IConnection &bus, const char *name, const char *path)
        : sdbus::ProxyInterfaces<Interface>(bus, name, path)
    {
        this->registerProxy();
    }

    ~Proxy() { this->unregisterProxy(); }
};

struct Qga : org::qemu::QgaQapi_proxy {
    using QgaQapi_proxy::QgaQapi_proxy;
};

// What StopEvent and PropertiesChanged told.
struct Seen {
    std::mutex lock;
    std::condition_variable more;
    uint64_t signal = 0;
    std::string runState;

    void wait()
    {
        std::unique_lock guard(lock);
        more.wait_for(guard, std::chrono::seconds(10),
            [this] { return signal && !runState.empty(); });
    }
};

static Seen seen;

// Every signal has to have a handler: those that do nothing are made from the header too.
struct Silent : org::qemu::QmpQapi_proxy {
    using QmpQapi_proxy::QmpQapi_proxy;
#include "org_qemu_QmpQapi.silent.h"
};

struct Qmp : Silent {
    using Silent::Silent;

    void onStopEvent(const Values &optional) override
    {
        std::lock_guard guard(seen.lock);
        seen.signal = optional.at("@timestamp");
        seen.more.notify_one();
    }
};

struct Endpoint : org::qemu::QmpEndpoint_proxy {
    using QmpEndpoint_proxy::QmpEndpoint_proxy;

    void onEventsDropped(const uint64_t &) override {}
    void onUnknownEvent(const std::string &, const Values &) override {}
};

struct Properties : sdbus::Properties_proxy {
    using Properties_proxy::Properties_proxy;

    void onPropertiesChanged(const std::string &, const Values &changed,
        const std::vector<std::string> &) override
    {
        auto value = changed.find("RunState");
        if (value == changed.end())
            return;
        std::lock_guard guard(seen.lock);
        seen.runState = value->second.get<std::string>();
        seen.more.notify_one();
    }
};

static void calls(Proxy<Qmp> &qmp, Proxy<Qga> &qga)
{
    std::cout << "no-argument " << qmp.QueryStatus().at("status").get<std::string>() << std::endl;
    std::string mode = "w", driver = "null-co", name = getenv("NODE");
    int64_t handle = qga.GuestFileOpen(getenv("FILE"), {{"mode", mode}});
    std::cout << "optional " << handle << std::endl;
    Values file{{"driver", driver}, {"size", int64_t{65536}}};
    qmp.BlockdevAdd("raw", {{"node-name", name}, {"file", file}});
    std::cout << "nested added" << std::endl;
    try {
        qmp.DeviceDel("missing");
    } catch (const sdbus::Error &error) {
        std::cout << "error " << error.getName() << ' ' << error.getMessage() << std::endl;
    }
}

int main()
{
    auto bus = sdbus::createSessionBusConnection();
    bus->enterEventLoopAsync();
    Proxy<Qmp> qmp(*bus, "org.qemu.qmp", "/org/qemu/qmp");
    Proxy<Endpoint> endpoint(*bus, "org.qemu.qmp", "/org/qemu/qmp");
    Proxy<Properties> properties(*bus, "org.qemu.qmp", "/org/qemu/qmp");
    Proxy<Qga> qga(*bus, "org.qemu.qga", "/org/qemu/qga");
    std::cout << "introspect " << METHODS << ' ' << SIGNALS << std::endl;
    calls(qmp, qga);
    std::string state = endpoint.State();
    qmp.Stop();
    std::cout << "stop returned" << std::endl;
    seen.wait();
    std::cout << "signal " << seen.signal << std::endl;
    std::cout << "property " << state << ' ' << seen.runState << std::endl;
}
