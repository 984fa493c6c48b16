#include "init_protocol.h"
