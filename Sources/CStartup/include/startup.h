// A start-up without what a short command does not need. Nothing in here is called by name: linking it is enough.
#pragma once
