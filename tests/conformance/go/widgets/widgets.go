// Package widgets is what a third party ships: kinds as Go types, and their definitions.
package widgets

import (
	_ "embed"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Definitions are the CustomResourceDefinitions of both kinds, as YAML.
//
//go:embed crds.yaml
var Definitions string

var GroupVersion = schema.GroupVersion{Group: "example.dev", Version: "v1"}

type WidgetSpec struct {
	Size  int    `json:"size"`
	Image string `json:"image,omitempty"`
}

type WidgetStatus struct {
	Parts              int                `json:"parts"`
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

type Widget struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              WidgetSpec   `json:"spec"`
	Status            WidgetStatus `json:"status,omitempty"`
}

type WidgetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Widget `json:"items"`
}

type PartSpec struct {
	Number int `json:"number"`
}

type Part struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              PartSpec `json:"spec"`
}

type PartList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Part `json:"items"`
}

func (w *Widget) copy() *Widget {
	other := *w
	other.ObjectMeta = *w.ObjectMeta.DeepCopy()
	other.Status.Conditions = append([]metav1.Condition(nil), w.Status.Conditions...)
	return &other
}

func (p *Part) copy() *Part {
	other := *p
	other.ObjectMeta = *p.ObjectMeta.DeepCopy()
	return &other
}

func (w *Widget) DeepCopyObject() runtime.Object { return w.copy() }
func (p *Part) DeepCopyObject() runtime.Object   { return p.copy() }

func (l *WidgetList) DeepCopyObject() runtime.Object {
	other := *l
	other.Items = make([]Widget, len(l.Items))
	for number := range l.Items {
		other.Items[number] = *l.Items[number].copy()
	}
	return &other
}

func (l *PartList) DeepCopyObject() runtime.Object {
	other := *l
	other.Items = make([]Part, len(l.Items))
	for number := range l.Items {
		other.Items[number] = *l.Items[number].copy()
	}
	return &other
}

// AddToScheme makes the types known.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &Widget{}, &WidgetList{}, &Part{}, &PartList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
