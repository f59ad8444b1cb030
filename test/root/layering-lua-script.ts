/** Scripts in Lua that write down what they get from all that rpm gives them. */

/** Each line is one expression; what it gives is written down. `%%` because rpmbuild reads it. */
export const LUA = String.raw`
local out = io.open("/usr/share/lua-said", "w")
local function say(...)
  local words = table.pack(...)
  for i = 1, words.n do words[i] = tostring(words[i]) end
  out:write(table.concat(words, " "), "\n")
end
say(#arg, arg[1], arg[2], arg[3])
say(posix.mkdir("/usr/share/made"))
say(posix.mkdir("/usr/share/made"))
say(posix.chmod("/usr/share/made", "rwxr-x---"))
say(posix.stat("/usr/share/made", "mode"), posix.stat("/usr/share/made", "type"), posix.stat("/usr/share/made").uid)
say(posix.chmod("/usr/share/made", "755"), posix.stat("/usr/share/made", "mode"))
say(posix.chmod("/usr/share/made", "u+x,go-rx"), posix.stat("/usr/share/made", "mode"))
say(posix.stat("/nowhere"))
say(posix.access("/usr/share/made", "rx"))
say(posix.access("/nowhere"))
say(posix.symlink("target", "/usr/share/made/link"), posix.readlink("/usr/share/made/link"))
say(posix.stat("/usr/share/made/link", "type"))
say(posix.getpasswd("bin", "uid"), posix.getpasswd("root", "dir"), posix.getgroup("bin").gid)
say(posix.chown("/usr/share/made", "bin", "bin"), posix.stat("/usr/share/made", "uid"))
local names = posix.dir("/usr/share/made")
table.sort(names)
say(table.concat(names, ","))
local seen = {}
for name in posix.files("/usr/share/made") do seen[#seen + 1] = name end
table.sort(seen)
say(table.concat(seen, ","))
say(posix.unlink("/usr/share/made/link"))
say(posix.unlink("/usr/share/made/link"))
say(posix.getenv("NOT_THERE"), posix.setenv("NOW_THERE", "x", true), posix.getenv("NOW_THERE"))
say(rpm.vercmp("1.0", "1.0~rc1"), rpm.vercmp("1.0-2", "1.0-10"), rpm.vercmp("2:1", "1:9"), rpm.vercmp("1.a", "1.1"))
say(rpm.expand("%%{_sysconfdir}/%%{?not_there}x %%%%"))
rpm.define("of_this_script  (%%{_bindir}) ")
say(rpm.expand("%%of_this_script"), rpm.isdefined("of_this_script"), rpm.isdefined("not_there"))
rpm.define("of_this_script again")
say(macros.of_this_script, macros.not_there)
rpm.undefine("of_this_script")
say(macros.of_this_script)
rpm.define("with_arguments() <%%1,%%2,%%#>")
say(rpm.isdefined("with_arguments"))
say(macros.with_arguments({"a b", "c"}), macros.with_arguments("a b"))
macros.set_here = "value"
say(rpm.expand("%%set_here"))
say(pcall(rpm.define, "nothing"))
for _, width in ipairs({-1, 0, 3, 4, 6, 8}) do
  for _, text in ipairs({"a", "ab", "abc", ("abc"):rep(20)}) do say(width, rpm.b64encode(text, width)) end
end
say(rpm.b64encode(("x"):rep(48)), rpm.b64decode("aGVs\nbG8="), rpm.b64decode("!"), rpm.b64decode("YQBi"))
say(table.concat(rpm.splitargs(" a  b\tc\031d e\031f "), ","))
say(rpm.unsplitargs({"a", "", "b c"}))
for _, pair in ipairs({{"1", "1-1"}, {"1-1", "1"}, {"0:1", "1"}, {"1:1", "2"}, {"a-b-c", "a-b"}}) do
  say(rpm.vercmp(pair[1], pair[2]), rpm.ver(pair[1]) < rpm.ver(pair[2]), rpm.ver(pair[1]) == rpm.ver(pair[2]))
end
say(rpm.ver("3:1.0-2").e, rpm.ver("1.0").e, rpm.ver("a-b-c").v, rpm.ver("1.0").r, rpm.ver(1, 2, 3), rpm.ver(nil, 2, "x"))
say(pcall(rpm.ver, 1, 2), pcall(rpm.vercmp, "", "1"))
for _, name in ipairs({"arg_max", "clk_tck", "job_control", "ngroups_max", "saved_ids", "stream_max", "version"}) do
  say(name, posix.sysconf(name), posix.sysconf()[name])
end
say(posix.sysconf("clk_tck", "version"))
say(posix.pathconf("/usr", "name_max"), posix.pathconf("/usr").path_max, posix.pathconf("/nowhere", "name_max"))
for _, name in ipairs({"utime", "stime", "cutime", "cstime", "elapsed"}) do say(type(posix.times()[name])) end
say(pcall(posix.times, "nothing"))
say(posix.ctermid())
say(rpm.execute("/bin/sh", "-c", "exit 0"))
say(rpm.execute("/bin/sh", "-c", "exit 3"))
say(os.execute("exit 4"))
local pid = posix.fork()
if pid == 0 then
  posix.exec("/bin/sh", "-c", "echo child >> /usr/share/child")
elseif pid > 0 then
  posix.wait(pid)
end
say(os.remove("/usr/share/made"), os.rename("/usr/share/child", "/usr/share/grown"))
say(_VERSION)
out:close()
`;
export const LUA_TRIGGER = String.raw`
local out = io.open("/usr/share/lua-triggered", "w")
local file = rpm.next_file()
while file do
  out:write(file, "\n")
  file = rpm.next_file()
end
out:close()
`;
