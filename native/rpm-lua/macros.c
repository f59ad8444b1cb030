// Macros, by the tree's own rpm: rpm.expand, define, undefine, isdefined and load, and the table `macros`.
#include "rpm-lua.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char RPM[] = "/usr/bin/rpm";

// Of the state: what was defined and undefined, as rpm's arguments in that order.
static const char CHANGES[] = "yum-ostree.macros";

static void add_change(lua_State *L, const char *option, const char *value) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, CHANGES);
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
    lua_pushstring(L, option);
    lua_rawseti(L, -2, n + 1);
    lua_pushstring(L, value);
    lua_rawseti(L, -2, n + 2);
    lua_pop(L, 1);
}

// Runs rpm with all that the script has defined; its wait status. What it prints is pushed.
static int run_rpm(lua_State *L, const char *option, const char *value, const char *text) {
    if (access(RPM, X_OK)) return luaL_error(L, "macros cannot be expanded: the tree has no %s", RPM);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, CHANGES);
    int n = (int)lua_rawlen(L, -1), at = 0;
    const char **words = lua_newuserdata(L, sizeof *words * ((size_t)n + 6));
    words[at++] = RPM;
    for (int i = 1; i <= n; i++) {
        // The table keeps the string.
        lua_rawgeti(L, -2, i);
        words[at++] = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    if (option) {
        words[at++] = option;
        words[at++] = value;
    }
    words[at++] = "--eval";
    words[at++] = text;
    words[at] = NULL;
    return run_program(L, (char *const *)words, 1);
}

// Pushes what `text` expands to.
static int push_expansion(lua_State *L, const char *text) {
    if (run_rpm(L, NULL, NULL, text) != 0) return luaL_error(L, "error expanding macro");
    size_t size;
    const char *said = lua_tolstring(L, -1, &size);
    lua_pushlstring(L, said, size > 0 && said[size - 1] == '\n' ? size - 1 : size);
    return 1;
}

int rpm_expand(lua_State *L) {
    const char *text = luaL_checkstring(L, 1);
    if (strchr(text, '%')) return push_expansion(L, text);
    lua_pushvalue(L, 1);
    return 1;
}

// -1: the file cannot be read; 1: it defines what cannot be defined.
int rpm_load(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    int result = access(path, R_OK) ? -1 : run_rpm(L, "--load", path, "") ? 1 : 0;
    if (result == 0) add_change(L, "--load", path);
    lua_pushnumber(L, result);
    return 1;
}

static size_t name_length(const char *text) {
    if (!isalpha((unsigned char)*text) && *text != '_') return 0;
    size_t n = 1;
    while (isalnum((unsigned char)text[n]) || text[n] == '_') n++;
    return n;
}

static void define(lua_State *L, const char *text) {
    size_t n = name_length(text);
    const char *body = text + n;
    if (*body == '(') body += strcspn(body, ")") + (strchr(body, ')') != NULL);
    int parted = isspace((unsigned char)*body);
    body += strspn(body, " \t\n");
    if (!n || !parted || !*body) luaL_error(L, "error defining macro");
    add_change(L, "--define", text);
}

int rpm_define(lua_State *L) {
    define(L, luaL_checkstring(L, 1));
    return 0;
}

int rpm_undefine(lua_State *L) {
    add_change(L, "--undefine", luaL_checkstring(L, 1));
    return 0;
}

// Whether there is a macro of that name, and whether it takes arguments.
int rpm_isdefined(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    if (name[strspn(name, "%")] != 0 && strlen(name) != name_length(name)) {
        lua_pushboolean(L, 0);
        lua_pushboolean(L, 0);
        return 2;
    }
    lua_pushfstring(L, "%%{lua:local is, takes = rpm.isdefined('%s') print((is and 1 or 0) .. (takes and 1 or 0))}", name);
    push_expansion(L, lua_tostring(L, -1));
    const char *said = lua_tostring(L, -1);
    lua_pushboolean(L, said[0] == '1');
    lua_pushboolean(L, said[0] && said[1] == '1');
    return 2;
}

// Of a macro with arguments: a function that takes them, as one string or as a table.
static int call_macro(lua_State *L) {
    luaL_Buffer text;
    lua_settop(L, 1);
    luaL_buffinit(L, &text);
    lua_pushfstring(L, "%%{%s", lua_tostring(L, lua_upvalueindex(1)));
    luaL_addvalue(&text);
    if (lua_istable(L, 1)) {
        lua_Integer n = (lua_Integer)lua_rawlen(L, 1);
        for (lua_Integer i = 1; i <= n; i++) {
            luaL_addstring(&text, " %{quote:");
            lua_rawgeti(L, 1, i);
            luaL_tolstring(L, -1, NULL);
            lua_remove(L, -2);
            luaL_addvalue(&text);
            luaL_addchar(&text, '}');
        }
    } else if (!lua_isnone(L, 1) && !lua_isnil(L, 1)) {
        luaL_addchar(&text, ' ');
        lua_pushvalue(L, 1);
        luaL_addvalue(&text);
    }
    luaL_addchar(&text, '}');
    luaL_pushresult(&text);
    return push_expansion(L, lua_tostring(L, -1));
}

static int get_macro(lua_State *L) {
    const char *name = luaL_checkstring(L, 2);
    lua_settop(L, 2);
    lua_replace(L, 1);
    rpm_isdefined(L);
    int is = lua_toboolean(L, -2), takes = lua_toboolean(L, -1);
    if (!is) return 0;
    lua_pushstring(L, name);
    if (takes) {
        lua_pushcclosure(L, call_macro, 1);
        return 1;
    }
    lua_pushfstring(L, "%%{%s}", name);
    return push_expansion(L, lua_tostring(L, -1));
}

// nil takes the definition back.
static int set_macro(lua_State *L) {
    const char *name = luaL_checkstring(L, 2);
    if (lua_isnil(L, 3)) {
        add_change(L, "--undefine", name);
        return 0;
    }
    lua_pushfstring(L, "%s %s", name, luaL_checkstring(L, 3));
    define(L, lua_tostring(L, -1));
    return 0;
}

void open_macros(lua_State *L) {
    lua_newtable(L);
    lua_newtable(L);
    lua_pushcfunction(L, get_macro);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, set_macro);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
    lua_setglobal(L, "macros");
}
