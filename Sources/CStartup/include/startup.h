// What happens before main: the descriptors and signals that every command relies on, and a start of the Swift runtime
// without what a short command does not need. Nothing in here is called by name: linking it is enough.
#pragma once
