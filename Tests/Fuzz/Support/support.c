#include "fuzz_support.h"

#include <dbus/dbus.h>

// libFuzzer (FuzzerInterface.h).
extern int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*one)(const uint8_t *, size_t));

int fuzz_run(int argc, char **argv, int (*one)(const uint8_t *, size_t)) {
    return LLVMFuzzerRunDriver(&argc, &argv, one);
}

DBusMessage *fuzz_demarshal(const uint8_t *bytes, size_t size) {
    return dbus_message_demarshal((const char *)bytes, (int)size, NULL);
}
