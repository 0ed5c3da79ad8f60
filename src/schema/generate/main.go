// Prints the table of API fields that src/schema reads, from the Go types themselves.
//
// Run twice, as README.md says: with the module file of Kubernetes 1.24, then with that of the newer release and the
// first table as argument. Each side's own fields are marked in the merged table.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"reflect"
	"sort"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	appsv1beta1 "k8s.io/api/apps/v1beta1"
	appsv1beta2 "k8s.io/api/apps/v1beta2"
	batchv1 "k8s.io/api/batch/v1"
	batchv1beta1 "k8s.io/api/batch/v1beta1"
	corev1 "k8s.io/api/core/v1"
	extensionsv1beta1 "k8s.io/api/extensions/v1beta1"
	rbacv1 "k8s.io/api/rbac/v1"
	rbacv1alpha1 "k8s.io/api/rbac/v1alpha1"
	rbacv1beta1 "k8s.io/api/rbac/v1beta1"
)

// table maps a type's name to its fields' JSON names and types.
type table map[string]map[string]string

var roots = append(oldRoots,
	corev1.Pod{}, corev1.PodTemplate{}, corev1.ReplicationController{}, corev1.ServiceAccount{}, corev1.Namespace{},
	appsv1.Deployment{}, appsv1.ReplicaSet{}, appsv1.StatefulSet{}, appsv1.DaemonSet{},
	appsv1beta1.Deployment{}, appsv1beta1.StatefulSet{},
	appsv1beta2.Deployment{}, appsv1beta2.ReplicaSet{}, appsv1beta2.StatefulSet{}, appsv1beta2.DaemonSet{},
	extensionsv1beta1.Deployment{}, extensionsv1beta1.ReplicaSet{}, extensionsv1beta1.DaemonSet{},
	batchv1.Job{}, batchv1.CronJob{}, batchv1beta1.CronJob{},
	rbacv1.Role{}, rbacv1.ClusterRole{}, rbacv1.RoleBinding{}, rbacv1.ClusterRoleBinding{},
	rbacv1beta1.Role{}, rbacv1beta1.ClusterRole{}, rbacv1beta1.RoleBinding{}, rbacv1beta1.ClusterRoleBinding{},
	rbacv1alpha1.Role{}, rbacv1alpha1.ClusterRole{}, rbacv1alpha1.RoleBinding{}, rbacv1alpha1.ClusterRoleBinding{},
)

// apiGroups holds the groups whose full name is not their package's.
var apiGroups = map[string]string{"core": "", "rbac": "rbac.authorization.k8s.io/", "meta": "meta/"}

// leaves are the types with a JSON form of their own.
var leaves = map[string]string{
	"k8s.io/apimachinery/pkg/api/resource.Quantity":       "quantity",
	"k8s.io/apimachinery/pkg/util/intstr.IntOrString":     "intstr",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Time":           "time",
	"k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime":      "time",
	"k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1":       "any",
	"k8s.io/apimachinery/pkg/runtime.RawExtension":        "any",
}

func main() {
	t := table{}
	for _, root := range roots {
		t.expression(reflect.TypeOf(root))
	}
	older := t
	if len(os.Args) > 1 {
		older = read(os.Args[1])
	}
	print(t, older)
}

// expression names the type and makes sure that every struct in it has its fields in the table.
func (t table) expression(goType reflect.Type) string {
	if leaf, ok := leaves[goType.PkgPath()+"."+goType.Name()]; ok {
		return leaf
	}
	switch goType.Kind() {
	case reflect.Pointer:
		return "*" + t.expression(goType.Elem())
	case reflect.Slice:
		if goType.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "[]" + t.expression(goType.Elem())
	case reflect.Map:
		return "{}" + t.expression(goType.Elem())
	case reflect.Struct:
		name := structName(goType)
		if t[name] == nil {
			t[name] = map[string]string{}
			t.fields(goType, t[name])
		}
		return name
	case reflect.Int, reflect.Int64:
		return "int64"
	case reflect.String, reflect.Bool, reflect.Int32:
		return goType.Kind().String()
	}
	log.Fatalf("%v has no JSON form here", goType)
	return ""
}

func (t table) fields(goType reflect.Type, into map[string]string) {
	for i := range goType.NumField() {
		field := goType.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case name == "" && field.Anonymous:
			t.fields(field.Type, into)
		default:
			into[name] = t.expression(field.Type)
		}
	}
}

// structName is the apiVersion and the type's name, e.g. apps/v1.Deployment or v1.Pod.
func structName(goType reflect.Type) string {
	parts := strings.Split(goType.PkgPath(), "/")
	version, group := parts[len(parts)-1], parts[len(parts)-2]
	prefix, ok := apiGroups[group]
	if !ok {
		prefix = group + "/"
	}
	return prefix + version + "." + goType.Name()
}

func read(path string) table {
	file, err := os.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	t, current := table{}, ""
	for lines := bufio.NewScanner(file); lines.Scan(); {
		name, kind, isField := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		if isField {
			t[current][name] = kind
		} else {
			current = name
			t[current] = map[string]string{}
		}
	}
	return t
}

// print writes both tables as one: `+` marks a field that only the newer one has, `-` one that only the older one has.
// Where both know a field, the older type holds.
func print(newer, older table) {
	for _, name := range names(newer, older) {
		fmt.Println(name)
		for _, field := range names(newer[name], older[name]) {
			now, isNow := newer[name][field]
			before, isBefore := older[name][field]
			switch {
			// A struct that only one table has is marked where it is used.
			case older[name] == nil:
				fmt.Printf("  %s %s\n", field, now)
			case newer[name] == nil:
				fmt.Printf("  %s %s\n", field, before)
			case !isBefore:
				fmt.Printf("  %s +%s\n", field, now)
			case !isNow:
				fmt.Printf("  %s -%s\n", field, before)
			default:
				fmt.Printf("  %s %s\n", field, before)
			}
		}
	}
}

func names[V any](a, b map[string]V) []string {
	var all []string
	for name := range a {
		all = append(all, name)
	}
	for name := range b {
		if _, both := a[name]; !both {
			all = append(all, name)
		}
	}
	sort.Strings(all)
	return all
}
