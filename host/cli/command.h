/* host/cli/command.h - the commands of `hotgate`: one file each. */
#ifndef HOST_CLI_COMMAND_H
#define HOST_CLI_COMMAND_H

#define HGH_EXIT_OK     0
#define HGH_EXIT_FAILED 1 /* refused or failed; stderr says why */
#define HGH_EXIT_USAGE  2

/* Each gets its own name as argv[0] and returns an exit code. */
int hgh_command_run(int argc, char **argv);
int hgh_command_status(int argc, char **argv);
int hgh_command_check(int argc, char **argv);
int hgh_command_doc(int argc, char **argv);
int hgh_command_explain(int argc, char **argv);
int hgh_command_reload(int argc, char **argv);
int hgh_command_runner(int argc, char **argv);
int hgh_command_sign(int argc, char **argv);
int hgh_command_store(int argc, char **argv);
int hgh_command_defaults(int argc, char **argv);

#endif
