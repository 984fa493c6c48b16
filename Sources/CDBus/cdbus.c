#include "cdbus.h"

#include "absent.h"

#include <dbus/dbus.h>
#include <stdlib.h>
#include <string.h>

static DBusMessage *failure_message(const DBusError *error) {
    DBusMessage *message = dbus_message_new(DBUS_MESSAGE_TYPE_ERROR);
    if (!message) return NULL;
    const char *name = error->name ? error->name : DBUS_ERROR_FAILED;
    const char *text = error->message ? error->message : "";
    if (!dbus_message_set_error_name(message, name)
        || !dbus_message_append_args(message, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID)) {
        dbus_message_unref(message);
        return NULL;
    }
    return message;
}

DBusConnection *cd_connect(const char *address, int64_t user, DBusMessage **failure) {
    DBusError error = DBUS_ERROR_INIT;
    // What the process does with SIGPIPE is not the library's business: it sends with MSG_NOSIGNAL.
    dbus_connection_set_change_sigpipe(FALSE);
    cd_claim_user(user);
    DBusConnection *connection = dbus_connection_open_private(address, &error);
    if (connection) {
        dbus_connection_set_exit_on_disconnect(connection, FALSE);
        if (!dbus_bus_register(connection, &error)) {
            cd_disconnect(connection);
            connection = NULL;
        }
    }
    cd_claim_user(-1);
    if (!connection) *failure = failure_message(&error);
    dbus_error_free(&error);
    return connection;
}

void cd_disconnect(DBusConnection *connection) {
    dbus_connection_close(connection);
    dbus_connection_unref(connection);
}

bool cd_is_path(const char *text) { return dbus_validate_path(text, NULL); }

DBusMessage *cd_call(const char *destination, const char *path, const char *interface, const char *member) {
    return dbus_message_new_method_call(destination, path, interface, member);
}

void cd_message_free(DBusMessage *message) { dbus_message_unref(message); }

// MARK: Calls and signals

DBusPendingCall *cd_send(DBusConnection *connection, DBusMessage *call, int milliseconds) {
    DBusPendingCall *pending = NULL;
    if (!dbus_connection_send_with_reply(connection, call, &pending, milliseconds)) return NULL;
    dbus_connection_flush(connection);
    return pending;  // NULL also where the connection is gone.
}

DBusMessage *cd_wait(DBusPendingCall *pending) {
    dbus_pending_call_block(pending);
    DBusMessage *reply = dbus_pending_call_steal_reply(pending);
    dbus_pending_call_unref(pending);
    return reply;
}

void cd_forget(DBusPendingCall *pending) {
    dbus_pending_call_cancel(pending);
    dbus_pending_call_unref(pending);
}

void cd_watch(DBusConnection *connection, const char *rule) { dbus_bus_add_match(connection, rule, NULL); }

DBusMessage *cd_next_signal(DBusConnection *connection, int milliseconds) {
    bool has_read = false;
    while (true) {
        DBusMessage *message;
        while ((message = dbus_connection_pop_message(connection))) {
            if (dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_SIGNAL) return message;
            dbus_message_unref(message);
        }
        if (has_read) return NULL;
        dbus_connection_read_write(connection, milliseconds);
        has_read = true;
    }
}

const char *cd_own_name(DBusConnection *connection) { return dbus_bus_get_unique_name(connection); }

bool cd_is_connected(DBusConnection *connection) { return dbus_connection_get_is_connected(connection); }

const char *cd_error_name(DBusMessage *message) {
    return dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_ERROR ? dbus_message_get_error_name(message) : NULL;
}

const char *cd_signal_name(DBusMessage *message) {
    return dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_SIGNAL ? dbus_message_get_member(message) : NULL;
}

static bool find(DBusMessage *message, int index, DBusMessageIter *place) {
    if (!dbus_message_iter_init(message, place)) return false;
    for (; index > 0; index--)
        if (!dbus_message_iter_next(place)) return false;
    return true;
}

int64_t cd_uint32(DBusMessage *message, int index, int64_t missing) {
    DBusMessageIter place;
    if (!find(message, index, &place) || dbus_message_iter_get_arg_type(&place) != DBUS_TYPE_UINT32) return missing;
    dbus_uint32_t number;
    dbus_message_iter_get_basic(&place, &number);
    return number;
}

const char *cd_text(DBusMessage *message, int index) {
    DBusMessageIter place, inner;
    if (!find(message, index, &place)) return NULL;
    if (dbus_message_iter_get_arg_type(&place) == DBUS_TYPE_VARIANT) {
        dbus_message_iter_recurse(&place, &inner);
        place = inner;
    }
    switch (dbus_message_iter_get_arg_type(&place)) {
    case DBUS_TYPE_STRING:
    case DBUS_TYPE_OBJECT_PATH:
    case DBUS_TYPE_SIGNATURE: break;
    default: return NULL;
    }
    const char *text = NULL;
    dbus_message_iter_get_basic(&place, &text);
    return text;
}

// MARK: Arguments

struct cd_writer {
    DBusMessageIter levels[CD_DEPTH + 1];
    int depth;
    bool failed;
};

struct cd_writer *cd_writer_new(DBusMessage *message) {
    struct cd_writer *writer = calloc(1, sizeof *writer);
    if (writer) dbus_message_iter_init_append(message, &writer->levels[0]);
    return writer;
}

bool cd_writer_free(struct cd_writer *writer) {
    bool succeeded = !writer->failed && writer->depth == 0;
    // What was begun has to be ended for the library to let go of its memory.
    while (writer->depth > 0) {
        writer->depth--;
        dbus_message_iter_abandon_container(&writer->levels[writer->depth], &writer->levels[writer->depth + 1]);
    }
    free(writer);
    return succeeded;
}

static void put(struct cd_writer *writer, char type, const void *value) {
    if (!writer->failed && !dbus_message_iter_append_basic(&writer->levels[writer->depth], type, value)) {
        writer->failed = true;
    }
}

void cd_put_number(struct cd_writer *writer, char type, uint64_t bits) {
    union {
        uint8_t byte;
        uint16_t short_;
        uint32_t word;
        uint64_t full;
    } value;
    switch (type) {
    case DBUS_TYPE_BYTE: value.byte = bits; break;
    case DBUS_TYPE_INT16:
    case DBUS_TYPE_UINT16: value.short_ = bits; break;
    case DBUS_TYPE_BOOLEAN:
    case DBUS_TYPE_INT32:
    case DBUS_TYPE_UINT32: value.word = bits; break;
    case DBUS_TYPE_INT64:
    case DBUS_TYPE_UINT64:
    case DBUS_TYPE_DOUBLE: value.full = bits; break;
    default: writer->failed = true; return;
    }
    put(writer, type, &value);
}

/// The library ends the process when it is given a text that is not of its type.
static bool is_valid(char type, const char *text) {
    switch (type) {
    case DBUS_TYPE_STRING: return dbus_validate_utf8(text, NULL);
    case DBUS_TYPE_OBJECT_PATH: return dbus_validate_path(text, NULL);
    case DBUS_TYPE_SIGNATURE: return dbus_signature_validate(text, NULL);
    default: return false;
    }
}

void cd_put_text(struct cd_writer *writer, char type, const char *text) {
    if (is_valid(type, text)) put(writer, type, &text);
    else writer->failed = true;
}

void cd_begin(struct cd_writer *writer, char type, const char *contained) {
    if (writer->failed || writer->depth == CD_DEPTH
        || (contained && !dbus_signature_validate_single(contained, NULL))) {
        writer->failed = true;
        return;
    }
    DBusMessageIter *levels = writer->levels;
    if (!dbus_message_iter_open_container(&levels[writer->depth], type, contained, &levels[writer->depth + 1])) {
        writer->failed = true;
        return;
    }
    writer->depth++;
}

void cd_end(struct cd_writer *writer) {
    if (writer->failed) return;
    writer->depth--;
    DBusMessageIter *levels = writer->levels;
    if (!dbus_message_iter_close_container(&levels[writer->depth], &levels[writer->depth + 1])) writer->failed = true;
}
