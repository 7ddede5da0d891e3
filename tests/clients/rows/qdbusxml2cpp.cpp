// The classes that qdbusxml2cpp makes, for Qt 5 and 6.

#include "org_qemu_QgaQapi.h"
#include "org_qemu_QmpEndpoint.h"
#include "org_qemu_QmpQapi.h"
#include <QCoreApplication>
#include <QMetaMethod>
#include <QTimer>
#include <iostream>

using Qmp = OrgQemuQmpQapiInterface;
using Qga = OrgQemuQgaQapiInterface;
using Endpoint = OrgQemuQmpEndpointInterface;

// What PropertiesChanged and StopEvent told.
class Listener : public QObject {
    Q_OBJECT

public:
    qulonglong signal = 0;
    QString runState;

public Q_SLOTS:
    void stopped(const QVariantMap &optional)
    {
        signal = optional.value("@timestamp").toULongLong();
        both();
    }

    void changed(const QString &, const QVariantMap &values, const QStringList &)
    {
        if (values.contains("RunState"))
            runState = values.value("RunState").toString();
        both();
    }

private:
    void both()
    {
        if (signal && !runState.isEmpty())
            QCoreApplication::quit();
    }
};

static void introspect()
{
    const QMetaObject &known = Qmp::staticMetaObject;
    QSet<QByteArray> methods, signals_;
    for (int i = known.methodOffset(); i < known.methodCount(); i++) {
        bool isSignal = known.method(i).methodType() == QMetaMethod::Signal;
        (isSignal ? signals_ : methods).insert(known.method(i).name());
    }
    std::cout << "introspect " << methods.size() << ' ' << signals_.size() << std::endl;
}

static void calls(Qmp &qmp, Qga &qga)
{
    QVariantMap status = qmp.QueryStatus().value();
    std::cout << "no-argument " << qPrintable(status["status"].toString()) << std::endl;
    QDBusPendingReply<qlonglong> handle = qga.GuestFileOpen(qgetenv("FILE"), {{"mode", "w"}});
    std::cout << "optional " << handle.value() << std::endl;
    QVariantMap file{{"driver", "null-co"}, {"size", 65536ll}};
    QVariantMap node{{"node-name", qgetenv("NODE").constData()}, {"file", file}};
    auto added = qmp.BlockdevAdd("raw", node);
    added.waitForFinished();
    if (!added.isError())
        std::cout << "nested added" << std::endl;
    auto missing = qmp.DeviceDel("missing");
    missing.waitForFinished();
    std::cout << "error " << qPrintable(missing.error().name()) << ' '
              << qPrintable(missing.error().message()) << std::endl;
}

static void listen(QDBusConnection &bus, Qmp &qmp, Endpoint &endpoint)
{
    Listener listener;
    QObject::connect(&qmp, &Qmp::StopEvent, &listener, &Listener::stopped);
    bus.connect(endpoint.service(), endpoint.path(), "org.freedesktop.DBus.Properties",
        "PropertiesChanged", &listener, SLOT(changed(QString,QVariantMap,QStringList)));
    QString state = endpoint.state();
    auto stopped = qmp.Stop();
    stopped.waitForFinished();
    if (!stopped.isError())
        std::cout << "stop returned" << std::endl;
    QTimer::singleShot(10000, &QCoreApplication::quit);
    QCoreApplication::exec();
    std::cout << "signal " << listener.signal << std::endl;
    std::cout << "property " << qPrintable(state) << ' ' << qPrintable(listener.runState)
              << std::endl;
}

int main(int argc, char **argv)
{
    QCoreApplication application(argc, argv);
    QDBusConnection bus = QDBusConnection::sessionBus();
    Qmp qmp("org.qemu.qmp", "/org/qemu/qmp", bus);
    Endpoint endpoint("org.qemu.qmp", "/org/qemu/qmp", bus);
    Qga qga("org.qemu.qga", "/org/qemu/qga", bus);
    introspect();
    calls(qmp, qga);
    listen(bus, qmp, endpoint);
}

#include "qdbusxml2cpp.moc"
