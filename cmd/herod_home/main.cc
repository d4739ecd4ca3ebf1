#include "host/passwd/member_process.h"

int main(int argc, char** argv) { return host::passwd::HelperMain(argc, argv); }
