#include "orchestrator/role.h"

int main(int argc, char **argv)
{
    return daemon_main(&orchestrator_role, argc, argv);
}
