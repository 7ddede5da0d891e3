# Net::DBus for Perl, with the objects that it makes from the introspection.
use strict;
use warnings;

use Net::DBus qw(:typing);
use Net::DBus::Reactor;

$| = 1;
my $bus = Net::DBus->session;
my $machine = $bus->get_service('org.qemu.qmp')->get_object('/org/qemu/qmp');
my $agent = $bus->get_service('org.qemu.qga')->get_object('/org/qemu/qga');
my $qmp = $machine->as_interface('org.qemu.QmpQapi');
my $qga = $agent->as_interface('org.qemu.QgaQapi');

my $known = $machine->_net_dbus_introspector;
print 'introspect ', scalar($known->list_methods('org.qemu.QmpQapi')), ' ',
    scalar($known->list_signals('org.qemu.QmpQapi')), "\n";

print 'no-argument ', $qmp->QueryStatus->{status}, "\n";
print 'optional ', $qga->GuestFileOpen($ENV{FILE}, { mode => 'w' }), "\n";
my $file = {
    driver => dbus_variant(dbus_string('null-co')),
    size => dbus_variant(dbus_int64(65536)),
};
$qmp->BlockdevAdd('raw', {
    'node-name' => $ENV{NODE},
    file => $file,
});
print "nested added\n";
eval { $qmp->DeviceDel('missing') };
print 'error ', $@->name, ' ', $@->message, "\n";

my $reactor = Net::DBus::Reactor->main;
my ($signal, $run_state);
my $both = sub { $reactor->shutdown if defined $signal and defined $run_state };
$qmp->connect_to_signal('StopEvent', sub {
    my ($optional) = @_;
    $signal = $optional->{'@timestamp'};
    $both->();
});
my $properties = $machine->as_interface('org.freedesktop.DBus.Properties');
$properties->connect_to_signal('PropertiesChanged', sub {
    my ($interface, $changed) = @_;
    $run_state //= $changed->{RunState};
    $both->();
});
my $state = $properties->Get('org.qemu.QmpEndpoint', 'State');
$qmp->Stop;
print "stop returned\n";
$reactor->add_timeout(10_000, sub { $reactor->shutdown });
$reactor->run;
print "signal $signal\n";
print "property $state $run_state\n";
