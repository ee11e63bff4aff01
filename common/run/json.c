#include "run/json.h"
#include <jansson.h>
#include <stdlib.h>
#include <stdio.h>
struct json { json_t *j; };
static struct json *w(json_t *j){ struct json *x=malloc(sizeof *x); x->j=j; return x; }
struct json *json_new_object(void){return w(json_object());}
struct json *json_new_array(void){return w(json_array());}
void json_set_str(struct json *o,const char*k,const char*v){json_object_set_new(o->j,k,v?json_string(v):json_null());}
void json_set_int(struct json *o,const char*k,int64_t v){json_object_set_new(o->j,k,json_integer(v));}
void json_set_real(struct json *o,const char*k,double v){json_object_set_new(o->j,k,json_real(v));}
void json_set_bool(struct json *o,const char*k,bool v){json_object_set_new(o->j,k,json_boolean(v));}
void json_set(struct json *o,const char*k,struct json*c){json_object_set_new(o->j,k,c->j);free(c);}
void json_append(struct json *a,struct json*c){json_array_append_new(a->j,c->j);free(c);}
void json_append_str(struct json *a,const char*v){json_array_append_new(a->j,json_string(v));}
char *json_text(const struct json *j){char*t=json_dumps(j->j,JSON_COMPACT);char*u;if(asprintf(&u,"%s\n",t)<0)abort();free(t);return u;}
void json_destroy(struct json*j){if(j){json_decref(j->j);free(j);}}
