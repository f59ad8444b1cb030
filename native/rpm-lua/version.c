// Versions: rpm.vercmp and rpm.ver.
#include "rpm-lua.h"
#include <ctype.h>
#include <string.h>

static const char VERSION[] = "rpm.ver";

// Of each part NULL where the version lacks it.
struct evr {
    const char *epoch, *version, *release;
    char text[1024];
};

// Segment by segment: numbers as numbers, words bytewise; `~` before the end, `^` right after it.
static int compare(const char *a, const char *b) {
    for (;;) {
        while (*a && !isalnum((unsigned char)*a) && *a != '~' && *a != '^') a++;
        while (*b && !isalnum((unsigned char)*b) && *b != '~' && *b != '^') b++;
        if (*a == '~' || *b == '~') {
            if (*a != *b) return *a == '~' ? -1 : 1;
            a++, b++;
            continue;
        }
        if (*a == '^' || *b == '^') {
            if (!*a) return -1;
            if (!*b) return 1;
            if (*a != *b) return *a == '^' ? -1 : 1;
            a++, b++;
            continue;
        }
        if (!*a || !*b) return *a ? 1 : *b ? -1 : 0;
        int number = isdigit((unsigned char)*a) != 0;
        if (number != (isdigit((unsigned char)*b) != 0)) return number ? 1 : -1;
        int (*in)(int) = number ? isdigit : isalpha;
        if (number) {
            while (*a == '0') a++;
            while (*b == '0') b++;
        }
        size_t left = 0, right = 0;
        while (in((unsigned char)a[left])) left++;
        while (in((unsigned char)b[right])) right++;
        if (number && left != right) return left < right ? -1 : 1;
        int order = strncmp(a, b, left < right ? left : right);
        if (order || left != right) return order ? (order < 0 ? -1 : 1) : left < right ? -1 : 1;
        a += left, b += right;
    }
}

static int compare_parts(const char *a, const char *b) {
    if (!a || !b) return a ? 1 : b ? -1 : 0;
    return compare(a, b);
}

static int compare_evr(const struct evr *a, const struct evr *b) {
    int order = compare(a->epoch ? a->epoch : "0", b->epoch ? b->epoch : "0");
    if (!order) order = compare(a->version, b->version);
    return order ? order : compare_parts(a->release, b->release);
}

// Splits EPOCH:VERSION-RELEASE. 0 where there is no version.
static int parse_evr(const char *text, struct evr *evr) {
    if (!*text || strlen(text) >= sizeof evr->text) return 0;
    strcpy(evr->text, text);
    char *rest = evr->text, *colon = strchr(rest, ':');
    evr->epoch = NULL;
    if (colon && rest + strspn(rest, "0123456789") == colon) {
        *colon = 0;
        evr->epoch = colon == rest ? "0" : rest;
        rest = colon + 1;
    }
    char *dash = strrchr(rest, '-');
    if (dash) *dash++ = 0;
    evr->version = rest;
    evr->release = dash;
    return 1;
}

static void check_evr(lua_State *L, int at, struct evr *evr) {
    const char *text = luaL_checkstring(L, at);
    if (parse_evr(text, evr)) return;
    luaL_argerror(L, at, lua_pushfstring(L, "invalid version %s", text));
}

int rpm_vercmp(lua_State *L) {
    struct evr a, b;
    check_evr(L, 1, &a);
    check_evr(L, 2, &b);
    lua_pushinteger(L, compare_evr(&a, &b));
    return 1;
}

static void format_evr(lua_State *L, const struct evr *evr) {
    lua_pushfstring(L, "%s%s%s%s%s", evr->epoch ? evr->epoch : "", evr->epoch ? ":" : "", evr->version,
                    evr->release ? "-" : "", evr->release ? evr->release : "");
}

// Of one text, or of epoch (or nil), version and release (or nil).
int rpm_ver(lua_State *L) {
    int n = lua_gettop(L);
    if (n != 1 && n != 3) return luaL_error(L, "invalid number of arguments: %d", n);
    if (n == 3) {
        const char *epoch = luaL_optstring(L, 1, NULL), *release = luaL_optstring(L, 3, NULL);
        lua_pushfstring(L, "%s%s%s%s%s", epoch ? epoch : "", epoch ? ":" : "", luaL_checkstring(L, 2), release ? "-" : "",
                        release ? release : "");
        lua_replace(L, 1);
    }
    const char *text = lua_tostring(L, 1);
    struct evr *evr = lua_newuserdata(L, sizeof *evr);
    if (!text || !parse_evr(text, evr)) return 0;
    luaL_setmetatable(L, VERSION);
    return 1;
}

static int ver_index(lua_State *L) {
    const struct evr *evr = luaL_checkudata(L, 1, VERSION);
    const char *name = luaL_checkstring(L, 2);
    if (!strcmp(name, "e")) lua_pushstring(L, evr->epoch);
    else if (!strcmp(name, "v")) lua_pushstring(L, evr->version);
    else if (!strcmp(name, "r")) lua_pushstring(L, evr->release);
    else return luaL_error(L, "invalid attribute: %s", name);
    return 1;
}

static int ver_text(lua_State *L) {
    format_evr(L, luaL_checkudata(L, 1, VERSION));
    return 1;
}

static int order_of(lua_State *L) { return compare_evr(luaL_checkudata(L, 1, VERSION), luaL_checkudata(L, 2, VERSION)); }

static int ver_equal(lua_State *L) {
    lua_pushboolean(L, order_of(L) == 0);
    return 1;
}

static int ver_less(lua_State *L) {
    lua_pushboolean(L, order_of(L) < 0);
    return 1;
}

static int ver_not_more(lua_State *L) {
    lua_pushboolean(L, order_of(L) <= 0);
    return 1;
}

static const luaL_Reg METHODS[] = {
    {"__index", ver_index}, {"__tostring", ver_text}, {"__eq", ver_equal},
    {"__lt", ver_less},     {"__le", ver_not_more},   {NULL, NULL},
};

void open_version(lua_State *L) {
    luaL_newmetatable(L, VERSION);
    luaL_setfuncs(L, METHODS, 0);
    lua_pop(L, 1);
}
