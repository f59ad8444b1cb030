// Modes of files as `posix` reads and shows them.
#include "rpm-lua.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void mode_text(mode_t mode, char text[10]) {
    strcpy(text, "rwxrwxrwx");
    for (int i = 0; i < 9; i++)
        if (!(mode & (0400u >> i))) text[i] = '-';
    if (mode & S_ISUID) text[2] = text[2] == 'x' ? 's' : 'S';
    if (mode & S_ISGID) text[5] = text[5] == 'x' ? 's' : 'S';
}

// `rwxr-x---`, or only the beginning of it: what is not given stays.
static int parse_letters(const char *text, mode_t old) {
    int mode = old & 01777;
    for (int i = 0; i < 9 && text[i]; i++) {
        int bit = 0400 >> i;
        if (text[i] == "rwx"[i % 3]) mode |= bit;
        else if (text[i] == '-') mode &= ~bit;
        else if (text[i] == 's' && i == 2) mode |= bit | S_ISUID;
        else if (text[i] == 's' && i == 5) mode |= bit | S_ISGID;
        else if (text[i] == 's') return -1;
    }
    return mode;
}

// That; or `u+x,go-w`; or an octal number. -1 where it is none of them.
static int parse_mode(const char *text, mode_t old) {
    char *end;
    if (*text == 'r' || *text == '-') return parse_letters(text, old);
    if (*text >= '0' && *text <= '7') {
        long octal = strtol(text, &end, 8);
        return *end ? -1 : (int)(octal & 07777);
    }
    int mode = old & 07777;
    for (const char *c = text; *c;) {
        int who = 0, bits = 0;
        for (; strchr("ugoa ", *c) && *c; c++)
            who |= *c == 'u' ? 04700 : *c == 'g' ? 02070 : *c == 'o' ? 01007 : *c == 'a' ? 07777 : 0;
        char how = *c;
        if (!how || !strchr("+-=", how)) return -1;
        if (!who) who = 07777;
        for (c++; *c && *c != ','; c++) {
            if (!strchr("rwxs ", *c)) return -1;
            bits |= *c == 'r' ? 0444 : *c == 'w' ? 0222 : *c == 'x' ? 0111 : *c == 's' ? 06000 : 0;
        }
        bits &= who;
        mode = how == '+' ? mode | bits : how == '-' ? mode & ~bits : (mode & ~who) | bits;
        if (*c == ',') c++;
    }
    return *text ? mode : -1;
}

int posix_chmod(lua_State *L) {
    struct stat st;
    const char *path = luaL_checkstring(L, 1), *text = luaL_checkstring(L, 2);
    if (stat(path, &st)) return push_result(L, -1, path);
    int mode = parse_mode(text, st.st_mode);
    if (mode < 0) return luaL_argerror(L, 2, "bad mode");
    return push_result(L, chmod(path, (mode_t)mode), path);
}

// What may be given, not what is masked; nil where the argument is no mode.
int posix_umask(lua_State *L) {
    mode_t old = umask(0);
    umask(old);
    int mode = (int)(~old & 0777);
    if (!lua_isnone(L, 1)) {
        mode = parse_mode(luaL_checkstring(L, 1), ~old & 0777);
        if (mode < 0) {
            lua_pushnil(L);
            return 1;
        }
        umask(~(mode_t)mode & 0777);
    }
    char text[10];
    mode_text((mode_t)mode & 0777, text);
    lua_pushstring(L, text);
    return 1;
}
