#define _GNU_SOURCE
#include "facts.h"
#include "json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void clock_seconds(const char *key, clockid_t clock) {
    struct timespec now;
    if (clock_gettime(clock, &now) == 0) json_number(key, now.tv_sec);
    else json_null(key);
}

void facts_names(void) {
    struct utsname names;
    uname(&names);
    json_text("hostname", names.nodename);
    json_text("domainname", names.domainname);

    static const char *const kinds[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
    json_open("namespaces", '{');
    for (size_t i = 0; i < COUNT(kinds); i++) {
        char path[64];
        struct stat info;
        snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
        if (stat(path, &info) == 0) json_unsigned(kinds[i], info.st_ino);
        else json_null(kinds[i]);
    }
    json_close('}');

    char text[4096];
    json_text("timeOffsets", read_file("/proc/self/timens_offsets", text, sizeof text) >= 0 ? text : NULL);
    json_text("uidMap", read_file("/proc/self/uid_map", text, sizeof text) >= 0 ? text : NULL);
    json_text("gidMap", read_file("/proc/self/gid_map", text, sizeof text) >= 0 ? text : NULL);
    json_text("setgroups", read_file("/proc/self/setgroups", text, sizeof text) >= 0 ? text : NULL);
    json_open("clocks", '{');
    clock_seconds("monotonic", CLOCK_MONOTONIC);
    clock_seconds("boottime", CLOCK_BOOTTIME);
    json_close('}');
}

/* mountinfo writes space, tab, newline and backslash as three octal digits. */
static void unescape(char *text) {
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (from[0] == '\\' && from[1] && from[2] && from[3]) {
            *to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 3;
        } else {
            *to++ = *from;
        }
    }
    *to = 0;
}

static void comma_list(const char *key, char *list) {
    char *rest = NULL;
    json_open(key, '[');
    for (char *item = strtok_r(list, ",", &rest); item; item = strtok_r(NULL, ",", &rest)) json_text(NULL, item);
    json_close(']');
}

/* One line: id parent major:minor root point options [propagation...] - type source super-options */
static void mount(char *line) {
    char *rest = NULL;
    char *id = strtok_r(line, " ", &rest), *parent = strtok_r(NULL, " ", &rest), *device = strtok_r(NULL, " ", &rest);
    char *root = strtok_r(NULL, " ", &rest), *point = strtok_r(NULL, " ", &rest), *options = strtok_r(NULL, " ", &rest);
    if (!options) return;
    unescape(root);
    unescape(point);
    json_open(NULL, '{');
    json_number("id", atoi(id));
    json_number("parent", atoi(parent));
    json_text("device", device);
    json_text("root", root);
    json_text("destination", point);
    comma_list("options", options);
    json_open("propagation", '[');
    char *word;
    while ((word = strtok_r(NULL, " ", &rest)) && strcmp(word, "-") != 0) json_text(NULL, word);
    json_close(']');
    char *type = strtok_r(NULL, " ", &rest), *source = strtok_r(NULL, " ", &rest);
    char *super = strtok_r(NULL, " ", &rest);
    json_text("type", type);
    json_text("source", super ? source : "");
    comma_list("superOptions", super ? super : source);
    json_close('}');
}

void facts_mounts(void) {
    static char table[1 << 20];
    if (read_file("/proc/self/mountinfo", table, sizeof table) < 0) {
        json_null("mounts");
        return;
    }
    char *rest = NULL;
    json_open("mounts", '[');
    for (char *line = strtok_r(table, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) mount(line);
    json_close(']');
}

static const char *type_name(mode_t mode) {
    switch (mode & S_IFMT) {
    case S_IFCHR: return "char";
    case S_IFBLK: return "block";
    case S_IFDIR: return "directory";
    case S_IFREG: return "file";
    case S_IFIFO: return "fifo";
    case S_IFLNK: return "link";
    case S_IFSOCK: return "socket";
    }
    return "unknown";
}

void fact_path(const char *key, const char *path) {
    struct stat info;
    size_t length = strlen(path);
    /* A trailing slash asks for what the link leads to; lstat would want a directory behind it. */
    bool follow = length > 1 && path[length - 1] == '/';
    char plain[4096];
    snprintf(plain, sizeof plain, "%.*s", (int)(follow ? length - 1 : length), path);
    json_open(key, '{');
    if ((follow ? stat(plain, &info) : lstat(plain, &info)) < 0) {
        json_errno("error", errno);
    } else {
        json_text("type", type_name(info.st_mode));
        json_format("mode", "%04o", info.st_mode & 07777);
        json_unsigned("uid", info.st_uid);
        json_unsigned("gid", info.st_gid);
        json_number("size", S_ISREG(info.st_mode) ? info.st_size : 0);
        if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) {
            json_unsigned("major", major(info.st_rdev));
            json_unsigned("minor", minor(info.st_rdev));
        }
        char target[4096];
        ssize_t count = S_ISLNK(info.st_mode) ? readlink(plain, target, sizeof target) : -1;
        if (count >= 0) json_bytes("target", target, (size_t)count);
    }
    json_close('}');
}

void facts_dev(void) {
    json_open("dev", '{');
    struct dirent **entries;
    int count = scandir("/dev", &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] == '.') continue;
        char path[512];
        snprintf(path, sizeof path, "/dev/%s", entries[i]->d_name);
        fact_path(entries[i]->d_name, path);
    }
    json_close('}');
}

/* The limit files of every controller directory below /sys/fs/cgroup; with v2, of that directory itself. */
static const char *const limit_files[] = {
    "memory.limit_in_bytes",
    "memory.soft_limit_in_bytes",
    "memory.memsw.limit_in_bytes",
    "memory.swappiness",
    "memory.max",
    "memory.low",
    "memory.high",
    "memory.swap.max",
    "cpu.shares",
    "cpu.cfs_quota_us",
    "cpu.cfs_period_us",
    "cpu.weight",
    "cpu.max",
    "cpuset.cpus",
    "cpuset.mems",
    "pids.max",
    "devices.list",
    "freezer.state",
    "cgroup.freeze",
};

static void limits_in(const char *directory) {
    char path[512], text[8192];
    for (size_t i = 0; i < COUNT(limit_files); i++) {
        snprintf(path, sizeof path, "%s/%s", directory, limit_files[i]);
        long length = read_file(path, text, sizeof text);
        if (length < 0) continue;
        while (length > 0 && text[length - 1] == '\n') length--;
        json_bytes(limit_files[i], text, (size_t)length);
    }
}

void facts_cgroups(void) {
    static char table[16384];
    json_open("cgroups", '{');
    char *rest = NULL;
    if (read_file("/proc/self/cgroup", table, sizeof table) < 0) table[0] = 0;
    for (char *line = strtok_r(table, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path) continue;
        *path = 0;
        json_text(controllers[1] ? controllers + 1 : "unified", path + 1);
    }
    json_close('}');

    json_open("cgroupLimits", '{');
    limits_in("/sys/fs/cgroup");
    struct dirent **entries;
    int count = scandir("/sys/fs/cgroup", &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] == '.' || strchr(entries[i]->d_name, ',')) continue;
        char path[512];
        snprintf(path, sizeof path, "/sys/fs/cgroup/%s", entries[i]->d_name);
        limits_in(path);
    }
    json_close('}');
}

void facts_network(void) {
    json_open("interfaces", '{');
    struct if_nameindex *names = if_nameindex();
    for (struct if_nameindex *entry = names; entry && entry->if_name; entry++) {
        char path[256], flags[32];
        snprintf(path, sizeof path, "/sys/class/net/%s/flags", entry->if_name);
        bool known = read_file(path, flags, sizeof flags) > 0;
        json_open(entry->if_name, '{');
        if (known) json_flag("up", strtoul(flags, NULL, 16) & IFF_UP);
        else json_null("up");
        json_close('}');
    }
    if (names) if_freenameindex(names);
    json_close('}');
}
