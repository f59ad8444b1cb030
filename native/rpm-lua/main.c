#include "rpm-lua.h"
#include <stdio.h>

// rpm-lua SCRIPT [ARGUMENT...]: `arg` holds "<lua>" and the arguments.
int main(int argc, char **argv) {
    if (argc < 2) {
        fputs("usage: rpm-lua SCRIPT [ARGUMENT...]\n", stderr);
        return 2;
    }
    lua_State *L = luaL_newstate();
    if (!L) return 1;
    luaL_openlibs(L);
    luaL_requiref(L, "posix", open_posix, 1);
    luaL_requiref(L, "rpm", open_rpm, 1);
    lua_settop(L, 0);
    lua_createtable(L, argc - 1, 0);
    lua_pushstring(L, "<lua>");
    lua_rawseti(L, -2, 1);
    for (int i = 2; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i);
    }
    lua_setglobal(L, "arg");
    lua_newtable(L);
    lua_setglobal(L, "opt");
    if (luaL_loadfilex(L, argv[1], "t") != LUA_OK || lua_pcall(L, 0, 0, 0) != LUA_OK) {
        const char *why = lua_tostring(L, -1);
        fprintf(stderr, "lua script failed: %s\n", why ? why : "an error without words");
        return 1;
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
