/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log lines: one bounded line per call, written with a single write(2), so lines of several threads
 * do not mix. No allocation, no lock, no time zone: usable in a jail and after seccomp. Every
 * process.
 */
#ifndef ZHYVE_BASE_LOG_H
#define ZHYVE_BASE_LOG_H

enum log_level {
	LOG_LVL_ERR,
	LOG_LVL_WARN,
	LOG_LVL_INFO,
	LOG_LVL_DEBUG
};

#define LOG_LINE_MAX 1024

/*
 * Name the process in its lines ("ident: text"), say where they go (a descriptor, 2 at start) and
 * from which level on (LOG_LVL_WARN at start). `ident` is kept by reference.
 */
void log_open(const char *ident, int fd, enum log_level level);

/* With stamps on, each line begins with CLOCK_REALTIME as "YYYY-MM-DDThh:mm:ss.mmmZ ". */
void log_stamps(int on);

void log_msg(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_err(...)   log_msg(LOG_LVL_ERR, __VA_ARGS__)
#define log_warn(...)  log_msg(LOG_LVL_WARN, __VA_ARGS__)
#define log_info(...)  log_msg(LOG_LVL_INFO, __VA_ARGS__)
#define log_debug(...) log_msg(LOG_LVL_DEBUG, __VA_ARGS__)

/*
 * For messages that a guest can cause: at most `burst` lines per call site in all. Declares its
 * counter at the call site; the last line says that it is the last.
 */
#define LOG_GUEST_BURST 16
#define log_guest(...)                                                                      \
	do {                                                                                \
		static unsigned log_guest_count_;                                           \
		unsigned n_ = __atomic_fetch_add(&log_guest_count_, 1, 0);                  \
		if (n_ < LOG_GUEST_BURST)                                                   \
			log_msg(LOG_LVL_WARN, __VA_ARGS__);                                 \
		if (n_ == LOG_GUEST_BURST)                                                  \
			log_msg(LOG_LVL_WARN, "(further messages like this are left out)"); \
	} while (0)

#endif
