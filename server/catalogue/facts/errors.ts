// Made by scripts/catalogue.ts from Apple's device management schema; not to be edited.
// biome-ignore-all format: one line for each key, so that changes read well.
import type { PayloadDefinition } from '../definition.ts';

export const errorsData: readonly PayloadDefinition[] = [
 {type:'softwareupdate.required',os:{iOS:'17.0',macOS:'14.0',tvOS:null,visionOS:null,watchOS:null},keys:[
  {key:'code',type:'string',required:true,values:['com.apple.softwareupdate.required']},
  {key:'description',type:'string'},
  {key:'message',type:'string'},
  {key:'details',type:'dictionary',required:true,keys:[
   {key:'OSVersion',type:'string',required:true},
   {key:'BuildVersion',type:'string'},
   {key:'RequireBetaProgram',type:'dictionary',os:{iOS:'17.5',macOS:'14.5'},keys:[
    {key:'Description',type:'string',required:true},
    {key:'Token',type:'string',required:true,secret:true},
   ]},
  ]},
 ]},
 {type:'unrecognized.device',os:{iOS:'17.0',macOS:'14.0',tvOS:'17.0',visionOS:'1.1',watchOS:'10.0'},keys:[
  {key:'code',type:'string',required:true,values:['com.apple.unrecognized.device']},
  {key:'description',type:'string'},
  {key:'message',type:'string'},
 ]},
 {type:'watch.pairing.token.missing',os:{iOS:null,macOS:null,tvOS:null,visionOS:null,watchOS:'10.0'},keys:[
  {key:'code',type:'string',required:true,values:['com.apple.watch.pairing.token.missing']},
  {key:'description',type:'string'},
  {key:'message',type:'string'},
  {key:'details',type:'dictionary',required:true,keys:[
   {key:'security-token',type:'string',required:true,secret:true},
  ]},
 ]},
 {type:'well-known.failed',os:{iOS:'17.5',macOS:'14.5',tvOS:null,visionOS:'1.2',watchOS:null},keys:[
  {key:'code',type:'string',required:true,values:['com.apple.well-known.failed']},
  {key:'description',type:'string'},
  {key:'message',type:'string'},
 ]},
];
