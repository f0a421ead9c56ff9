"""The causes, a module for each subject; `bot.diagnosis.catalog` lists them all."""
