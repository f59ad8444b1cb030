// Runs scripts of packages that are written in Lua, with the tables `posix` and `rpm` that they expect.
#pragma once
#include <lua5.3/lauxlib.h>
#include <lua5.3/lua.h>
#include <lua5.3/lualib.h>
#include <sys/types.h>

// A result as these tables give it: the number, or nil, "WHAT: why" and errno where it is -1.
int push_result(lua_State *L, int result, const char *what);
// Runs a program to its end; its wait status, or -1. `output` gets what it prints, as a string on the stack, unless null.
int run_program(lua_State *L, char *const *words, int captures);
int open_posix(lua_State *L);
int open_rpm(lua_State *L);
