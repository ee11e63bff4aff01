#include "transcoder/role.h"

int main(int argc, char **argv)
{
    return daemon_main(&transcoder_role, argc, argv);
}
