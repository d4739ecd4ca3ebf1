#include <cstdlib>

#include "host/passwd/member_process.h"

/// Ends at once: nothing is left to clean up, and what would do it may not trust this process any more.
int main(int argc, char** argv) { std::_Exit(host::passwd::HelperMain(argc, argv)); }
