"""The causes, a module for each subject; `bot.diagnosis.cause_list` lists them all."""
