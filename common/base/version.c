#include "base/version.h"

#include "version_text.h" /* generated: #define VERSION_TEXT "..." */

const char software_version[] = VERSION_TEXT;
