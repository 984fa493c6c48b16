// What Embedded Swift 6.3 does wrong on 64-bit Arm.
//
// swift_bridgeObjectRetain has to return the very object that it was given: its declaration says so ("returned"), and
// the compiler's part for Arm relies on it. It returns the object without its upper bits, which tell what kind of text
// it is: a short text that was kept alive this way is garbage (corrected after 6.3 by
// https://github.com/swiftlang/swift/pull/91151). The standard library defines it weakly; these definitions keep the
// promise. The compiler's part for x86-64 makes no use of the result.
#if defined(__aarch64__) && defined(APUS_EMBEDDED)

#include <stddef.h>
#include <stdint.h>

void *swift_retain(void *object);
void *swift_retain_n(void *object, uint32_t count);
void *swift_bridgeObjectRetain(void *object);
void *swift_bridgeObjectRetain_n(void *object, uint32_t count);

/// The object whose references are counted; NULL if there is none, as in constants and short texts (the topmost bit).
static void *counted(void *object) {
    const uintptr_t others = 0x7000000000000007;  // kinds of texts, and of what is bridged
    return (intptr_t)object < 0 ? NULL : (void *)((uintptr_t)object & ~others);
}

void *swift_bridgeObjectRetain(void *object) {
    void *plain = counted(object);
    if (plain) swift_retain(plain);
    return object;
}

void *swift_bridgeObjectRetain_n(void *object, uint32_t count) {
    void *plain = counted(object);
    if (plain) swift_retain_n(plain, count);
    return object;
}

#endif
