// Single questions, as the command line asks them.
export { isQuestionFault, Questions, savedFormats, type Answer, type AskOptions } from './questions.ts'
