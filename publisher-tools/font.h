/* A 5 x 7 font of what a clock needs: digits, colon and full stop. Pure. */
#ifndef PUBLISHER_TOOLS_FONT_H
#define PUBLISHER_TOOLS_FONT_H

#include <stdbool.h>

#define FONT_WIDTH       5
#define FONT_HEIGHT      7
#define FONT_CELL_WIDTH  6 /* with the space to the next one */
#define FONT_CELL_HEIGHT 9

/* Whether the dot at column (0..4), row (0..6) is set; characters it does not have are blank. */
bool font_pixel(char c, int column, int row);

#endif
