#include "broadcaster/role.h"

int main(int argc, char **argv)
{
    return daemon_main(&broadcaster_role, argc, argv);
}
