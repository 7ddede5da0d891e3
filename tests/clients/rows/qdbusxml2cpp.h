// The type that the interface files name for EventsSince: Qt has none of its own for a structure.

#pragma once

#include <QDBusArgument>

struct QemuEvent {
    qulonglong sequence;
    QString name;
    QVariantMap data;
};

using QemuEventList = QList<QemuEvent>;
Q_DECLARE_METATYPE(QemuEvent)
Q_DECLARE_METATYPE(QemuEventList)

inline QDBusArgument &operator<<(QDBusArgument &to, const QemuEvent &event)
{
    to.beginStructure();
    to << event.sequence << event.name << event.data;
    to.endStructure();
    return to;
}

inline const QDBusArgument &operator>>(const QDBusArgument &from, QemuEvent &event)
{
    from.beginStructure();
    from >> event.sequence >> event.name >> event.data;
    from.endStructure();
    return from;
}
