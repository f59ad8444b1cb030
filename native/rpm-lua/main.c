#include "rpm-lua.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

// As in rpm, whose own process runs the script.
static int os_exit(lua_State *L) {
    check_forked(L, "exit");
    fflush(NULL);
    exit((int)luaL_optinteger(L, 1, EXIT_SUCCESS));
}

// Where a package that may be relocated lies: the table RPM_INSTALL_PREFIX, from what other scripts have as variables.
static void set_prefixes(lua_State *L) {
    char name[64] = "RPM_INSTALL_PREFIX";
    if (!getenv(name)) return;
    unsetenv(name);
    lua_newtable(L);
    for (int i = 0;; i++) {
        snprintf(name, sizeof name, "RPM_INSTALL_PREFIX%d", i);
        if (!getenv(name)) break;
        lua_pushstring(L, getenv(name));
        lua_rawseti(L, -2, i + 1);
        unsetenv(name);
    }
    lua_setglobal(L, "RPM_INSTALL_PREFIX");
}

// rpm-lua SCRIPT [ARGUMENT...]: `arg` holds "<lua>" and the arguments; the first two, which count packages, as numbers.
int main(int argc, char **argv) {
    if (argc < 2) {
        fputs("usage: rpm-lua SCRIPT [ARGUMENT...]\n", stderr);
        return 2;
    }
    lua_State *L = luaL_newstate();
    if (!L) return 1;
    luaL_openlibs(L);
    lua_getglobal(L, "os");
    lua_pushcfunction(L, os_exit);
    lua_setfield(L, -2, "exit");
    lua_getglobal(L, "package");
    lua_pushliteral(L, "/usr/lib/rpm/lua/?.lua");
    lua_setfield(L, -2, "path");
    luaL_requiref(L, "posix", open_posix, 1);
    luaL_requiref(L, "rpm", open_rpm, 1);
    lua_settop(L, 0);
    lua_createtable(L, argc - 1, 0);
    lua_pushstring(L, "<lua>");
    lua_rawseti(L, -2, 1);
    for (int i = 2; i < argc; i++) {
        if (i > 3 || !lua_stringtonumber(L, argv[i])) lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i);
    }
    lua_setglobal(L, "arg");
    lua_newtable(L);
    lua_setglobal(L, "opt");
    set_prefixes(L);
    if (luaL_loadfilex(L, argv[1], "t") != LUA_OK || lua_pcall(L, 0, 0, 0) != LUA_OK) {
        const char *why = lua_tostring(L, -1);
        fprintf(stderr, "lua script failed: %s\n", why ? why : "an error without words");
        return 1;
    }
    if (has_forked) {
        fputs("error: No exec() called after fork() in lua scriptlet\n", stderr);
        return 1;
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
