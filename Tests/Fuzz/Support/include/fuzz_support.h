// What the fuzzers take from C: libFuzzer's driver, a way to change JSON by its structure, the check of plans as
// apus-init does it, and the other end of a message bus.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct DBusMessage;

/// Runs libFuzzer with its options (`-runs=`, corpus directories) on a function. Returns the exit status.
int fuzz_run(int argc, char **argv, int (*one)(const uint8_t *bytes, size_t size));

/// Has inputs changed as JSON documents, and not only as bytes.
void fuzz_change_as_json(void);

/// Whether apus-init would run a plan: its own check, on a copy.
bool fuzz_plan_is_sound(const uint8_t *bytes, size_t size);

/// The first message of some bytes as libdbus reads it; NULL if it refuses them. The caller owns it.
struct DBusMessage *fuzz_demarshal(const uint8_t *bytes, size_t size);

/// Opens a bus at an abstract socket of this process, and returns its address; NULL if that fails. To everybody who
/// connects it says who it is, then what was given last, and hangs up when nothing more comes.
const char *fuzz_bus_open(void);
void fuzz_bus_give(const uint8_t *bytes, size_t size);
