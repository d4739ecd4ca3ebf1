package widgets

import (
	"context"
	"fmt"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

const finalizer = "example.dev/widget"

// Controller keeps as many Parts as a Widget says, and takes them apart with it.
type Controller struct {
	client.Client
	Events events.EventRecorder
}

// AddTo puts it to work.
func (c *Controller) AddTo(manager ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(manager).For(&Widget{}).Owns(&Part{}).Complete(c)
}

func (c *Controller) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	widget := &Widget{}
	if err := c.Get(ctx, request.NamespacedName, widget); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !widget.DeletionTimestamp.IsZero() {
		if controllerutil.RemoveFinalizer(widget, finalizer) {
			c.Events.Eventf(widget, nil, core.EventTypeNormal, "Dismantled", "Dismantle", "took %d parts apart", widget.Status.Parts)
			return ctrl.Result{}, c.Update(ctx, widget)
		}
		return ctrl.Result{}, nil
	}
	if controllerutil.AddFinalizer(widget, finalizer) {
		return ctrl.Result{}, c.Update(ctx, widget) // Its event brings us back.
	}
	if err := c.makeParts(ctx, widget); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, c.report(ctx, widget)
}

func (c *Controller) makeParts(ctx context.Context, widget *Widget) error {
	have := &PartList{}
	if err := c.List(ctx, have, client.InNamespace(widget.Namespace), client.MatchingLabels{"widget": widget.Name}); err != nil {
		return err
	}
	for number := range have.Items {
		if part := &have.Items[number]; part.Spec.Number >= widget.Spec.Size {
			if err := client.IgnoreNotFound(c.Delete(ctx, part)); err != nil {
				return err
			}
		}
	}
	for number := range widget.Spec.Size {
		part := &Part{ObjectMeta: metav1.ObjectMeta{Namespace: widget.Namespace, Name: fmt.Sprintf("%s-%d", widget.Name, number)}}
		done, err := controllerutil.CreateOrUpdate(ctx, c.Client, part, func() error {
			part.Labels = map[string]string{"widget": widget.Name}
			part.Spec.Number = number
			return controllerutil.SetControllerReference(widget, part, c.Scheme())
		})
		if err != nil {
			return err
		}
		if done == controllerutil.OperationResultCreated {
			c.Events.Eventf(widget, part, core.EventTypeNormal, "Made", "Make", "made part %d", number)
		}
	}
	return nil
}

func (c *Controller) report(ctx context.Context, widget *Widget) error {
	before := widget.copy()
	widget.Status.Parts, widget.Status.ObservedGeneration = widget.Spec.Size, widget.Generation
	meta.SetStatusCondition(&widget.Status.Conditions, metav1.Condition{Type: "Ready", Status: metav1.ConditionTrue, Reason: "Made", ObservedGeneration: widget.Generation})
	return c.Status().Patch(ctx, widget, client.MergeFrom(before))
}
