// rpm.register, unregister and call: functions by a name of the script's own. rpm itself calls none.
#include "rpm-lua.h"
#include <stdio.h>

// Of the state: name → list of handles. A handle's user value is its function.
static const char HOOKS[] = "yum-ostree.hooks";

static void check_name(lua_State *L) {
    if (!lua_isstring(L, 1)) luaL_argerror(L, 1, "hook name expected");
}

// Pushes the list of the name in argument 1.
static void push_hooks(lua_State *L) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, HOOKS);
    luaL_getsubtable(L, -1, lua_tostring(L, 1));
    lua_remove(L, -2);
}

int rpm_register(lua_State *L) {
    check_name(L);
    if (!lua_isfunction(L, 2)) return luaL_argerror(L, 2, "function expected");
    push_hooks(L);
    lua_newuserdata(L, 1);
    lua_pushvalue(L, 2);
    lua_setuservalue(L, -2);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, (lua_Integer)lua_rawlen(L, -3) + 1);
    return 1;
}

int rpm_unregister(lua_State *L) {
    check_name(L);
    if (!lua_isuserdata(L, 2)) return luaL_argerror(L, 2, "hook information expected");
    push_hooks(L);
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1), kept = 0;
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, i);
        if (lua_rawequal(L, -1, 2)) lua_pop(L, 1);
        else lua_rawseti(L, -2, ++kept);
    }
    for (lua_Integer i = kept + 1; i <= n; i++) {
        lua_pushnil(L);
        lua_rawseti(L, -2, i);
    }
    return 0;
}

// As it comes out of rpm's C interface: whole numbers as int, nil as a null pointer.
static void push_argument(lua_State *L, int at) {
    lua_Number number;
    switch (lua_type(L, at)) {
    case LUA_TNUMBER:
        number = lua_tonumber(L, at);
        if (number == (int)number) lua_pushinteger(L, (int)number);
        else lua_pushnumber(L, number);
        break;
    case LUA_TSTRING: lua_pushstring(L, lua_tostring(L, at)); break;
    case LUA_TNIL: lua_pushlightuserdata(L, NULL); break;
    case LUA_TUSERDATA:
    case LUA_TLIGHTUSERDATA: lua_pushlightuserdata(L, lua_touserdata(L, at)); break;
    default: luaL_error(L, "unsupported Lua type passed to hook");
    }
}

// Calls the function on top with a table of its own; not 0: the rest of them is not called.
static int call_hook(lua_State *L, int count) {
    int result = 0;
    lua_createtable(L, count, 0);
    for (int i = 1; i <= count; i++) {
        push_argument(L, i + 1);
        lua_rawseti(L, -2, i);
    }
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) fprintf(stderr, "error: lua hook failed: %s\n", lua_tostring(L, -1));
    else if (lua_isnumber(L, -1)) result = (int)lua_tonumber(L, -1);
    lua_pop(L, 1);
    return result;
}

int rpm_call(lua_State *L) {
    check_name(L);
    int count = lua_gettop(L) - 1;
    for (int i = 1; i <= count; i++) {
        push_argument(L, i + 1);
        lua_pop(L, 1);
    }
    push_hooks(L);
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
    // A hook may take itself away.
    lua_createtable(L, (int)n, 0);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, -2, i);
        lua_getuservalue(L, -1);
        lua_remove(L, -2);
        lua_rawseti(L, -2, i);
    }
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, i);
        if (call_hook(L, count)) break;
    }
    return 0;
}
