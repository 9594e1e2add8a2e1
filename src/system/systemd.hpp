// Tells systemd how far the service is: sd_notify(3),
// https://www.freedesktop.org/software/systemd/man/sd_notify.html
//
// The protocol is one datagram and promised to stay; a library for it is not worth its place in a process
// that guards a database.
#pragma once

namespace holdfast::system {

// To $NOTIFY_SOCKET; nothing happens where that is not set, as outside of a unit with Type=notify. They never
// wait; a message that cannot be sent is logged.
void notify_ready();      // at the start, and when a reload is done
void notify_reloading();  // a reload begins; READY ends it
void notify_stopping();

}  // namespace holdfast::system
