// libdbus-1 as the DBus module sees it: a client that calls methods, waits for their replies, and receives signals.
// Nothing of dbus/dbus.h shows, so that nobody else needs its directories. Whatever returns a pointer returns NULL when
// there is no memory left.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct DBusConnection;
struct DBusMessage;
struct DBusPendingCall;
struct cd_writer;

/// How deep arrays, structures and variants may be put into each other.
enum { CD_DEPTH = 24 };

/// Connects to a bus and says hello.
///
/// - user: the user that the bus sees when it asks the kernel who is there; -1: the effective one.
/// - failure: receives an error message (cd_error_name) that the caller owns when NULL is returned.
struct DBusConnection *cd_connect(const char *address, int64_t user, struct DBusMessage **failure);
void cd_disconnect(struct DBusConnection *connection);

/// Whether a text is an object path.
bool cd_is_path(const char *text);

/// A call of a method, without its arguments. The library ends the process if `path` is no object path.
struct DBusMessage *cd_call(const char *destination, const char *path, const char *interface, const char *member);
void cd_message_free(struct DBusMessage *message);

/// Sends a call without waiting; the reply may take some milliseconds.
struct DBusPendingCall *cd_send(struct DBusConnection *connection, struct DBusMessage *call, int milliseconds);
/// Waits for the reply, which the caller owns, and frees `pending`. An error message if there is none in time.
struct DBusMessage *cd_wait(struct DBusPendingCall *pending);
void cd_forget(struct DBusPendingCall *pending);

/// Asks for the signals that a match rule describes; a bus that refuses it sends none.
void cd_watch(struct DBusConnection *connection, const char *rule);
/// The next signal, which the caller owns; NULL when the time is over or the connection is gone.
struct DBusMessage *cd_next_signal(struct DBusConnection *connection, int milliseconds);
/// The name that the bus has given to the connection.
const char *cd_own_name(struct DBusConnection *connection);
bool cd_is_connected(struct DBusConnection *connection);

/// Of a message that is an error: its name; else NULL.
const char *cd_error_name(struct DBusMessage *message);
/// The name of a signal; NULL for other messages.
const char *cd_signal_name(struct DBusMessage *message);
/// The argument number `index` if it is a text, also one inside a variant; else NULL. Lives as long as the message.
const char *cd_text(struct DBusMessage *message, int index);

/// The argument number `index` if it is a uint32; else `missing`.
int64_t cd_uint32(struct DBusMessage *message, int index, int64_t missing);

/// Puts arguments into a message, in order. After something has failed the rest does nothing.
struct cd_writer *cd_writer_new(struct DBusMessage *message);
/// A value of a basic type other than texts; `bits` as many of the low bits as it has.
void cd_put_number(struct cd_writer *writer, char type, uint64_t bits);
/// A string, object path or signature; a failure if it is none.
void cd_put_text(struct cd_writer *writer, char type, const char *text);
/// Begins an array ('a'), structure ('r'), variant ('v') or dictionary entry ('e'); `contained` is the signature of
/// what is in it for an array or a variant, else NULL.
void cd_begin(struct cd_writer *writer, char type, const char *contained);
void cd_end(struct cd_writer *writer);
/// Frees the writer; false if anything has failed.
bool cd_writer_free(struct cd_writer *writer);
