// Text of scripts: rpm.b64encode and b64decode, splitargs and unsplitargs.
#include "rpm-lua.h"
#include <ctype.h>
#include <string.h>

static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Around what is kept in one piece, as `%{quote:…}` leaves it.
static const char QUOTE = 0x1f;

// With a line end after each `width` characters (in fours; 64 where it is not given) and at the end; none where it is 0.
int rpm_b64encode(lua_State *L) {
    size_t size;
    const unsigned char *data = (const unsigned char *)luaL_checklstring(L, 1, &size);
    lua_Integer width = luaL_optinteger(L, 2, -1), column = 0;
    width = width < 0 ? 64 : width / 4 * 4;
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    for (size_t i = 0; i < size; i += 3) {
        unsigned bits = (unsigned)data[i] << 16;
        if (i + 1 < size) bits |= (unsigned)data[i + 1] << 8;
        if (i + 2 < size) bits |= data[i + 2];
        luaL_addchar(&text, LETTERS[bits >> 18]);
        luaL_addchar(&text, LETTERS[bits >> 12 & 63]);
        luaL_addchar(&text, i + 1 < size ? LETTERS[bits >> 6 & 63] : '=');
        luaL_addchar(&text, i + 2 < size ? LETTERS[bits & 63] : '=');
        column += 4;
        if (width && column >= width) {
            luaL_addchar(&text, '\n');
            column = 0;
        }
    }
    if (width && column) luaL_addchar(&text, '\n');
    luaL_pushresult(&text);
    return 1;
}

// nil where it is not base64, or empty; white space is nothing.
int rpm_b64decode(lua_State *L) {
    const char *text = luaL_checkstring(L, 1);
    unsigned bits = 0;
    int count = 0, padding = 0;
    luaL_Buffer data;
    luaL_buffinit(L, &data);
    const char *start = text;
    for (; *text; text++) {
        if (isspace((unsigned char)*text)) continue;
        const char *letter = strchr(LETTERS, *text);
        if (*text == '=' && count >= 2) padding++;
        else if (!letter || padding) break;
        bits = bits << 6 | (letter ? (unsigned)(letter - LETTERS) : 0);
        if (++count < 4) continue;
        for (int i = 0; i < 3 - padding; i++) luaL_addchar(&data, (char)(bits >> (16 - 8 * i)));
        count = 0;
    }
    luaL_pushresult(&data);
    if (*text || count || text == start) lua_pushnil(L);
    return 1;
}

int rpm_splitargs(lua_State *L) {
    const char *text = luaL_checkstring(L, 1);
    lua_newtable(L);
    for (lua_Integer n = 1;; n++) {
        text += strspn(text, " \t\n");
        if (!*text) return 1;
        luaL_Buffer word;
        luaL_buffinit(L, &word);
        for (int quoted = 0; *text && (quoted || !strchr(" \t\n", *text)); text++) {
            if (*text == QUOTE) quoted = !quoted;
            else luaL_addchar(&word, *text);
        }
        luaL_pushresult(&word);
        lua_rawseti(L, -2, n);
    }
}

int rpm_unsplitargs(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    lua_Integer n = (lua_Integer)lua_rawlen(L, 1);
    for (lua_Integer i = 1; i <= n; i++) {
        if (i > 1) luaL_addchar(&text, ' ');
        luaL_addchar(&text, QUOTE);
        lua_rawgeti(L, 1, i);
        luaL_addvalue(&text);
        luaL_addchar(&text, QUOTE);
    }
    luaL_pushresult(&text);
    return 1;
}
